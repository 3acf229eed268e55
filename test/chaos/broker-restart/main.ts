import { parseArgs } from 'node:util';
import { messageOf } from '../../../src/kernel/errors.ts';
import { oneOf, wholeNumber } from '../../support/command-options.ts';
import { lockServices } from '../options.ts';
import { builtProgram } from '../run.ts';
import { runBrokerRestart } from './run.ts';

const usage = `Usage: npm run broker-restart -- [options]

Kills a broker with transient queues in the middle of many requests, half of which no replica has received yet.

  --requests N       how many; a multiple of 20 (200)
  --locks SERVICE    ${lockServices.join(', ')} (file)
`;

const known = {
  requests: { type: 'string', default: '200' },
  locks: { type: 'string', default: 'file' },
  help: { type: 'boolean', default: false },
} as const;

/** What is promised. */
const endsWithinMs = 120_000;

try {
  const { values } = parseArgs({ args: process.argv.slice(2), options: known, strict: true });
  const count = wholeNumber('--requests', values.requests, { min: 20, max: 2_000 });
  if (count % 20 !== 0) throw new Error(`--requests must be a multiple of 20, not ${count}`);
  if (values.help) console.log(usage);
  else {
    const locks = oneOf('--locks', values.locks, lockServices);
    const say = (line: string): void => console.log(line);
    const wrong = await runBrokerRestart({ requests: count, locks, program: builtProgram(), endsWithinMs, say });
    for (const line of wrong) console.log(line);
    console.log(`${count} requests, ${wrong.length} differences`);
    if (wrong.length > 0) process.exitCode = 3;
  }
} catch (error) {
  console.error(error instanceof Error ? (error.stack ?? messageOf(error)) : messageOf(error));
  process.exitCode = 1;
}
