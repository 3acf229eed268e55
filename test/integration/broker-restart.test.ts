import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { runBrokerRestart } from '../chaos/broker-restart/run.ts';
import { buildOnce } from '../support/shared-servers.ts';

/*
 * A short run of `npm run broker-restart`: three replicas on a RabbitMQ with transient queues, which is killed when half
 * of the requests lie in its queue, among them creations of nothing and from an image.
 */

let program: string;

beforeAll(async () => {
  program = join(await buildOnce(), 'src/main.js');
}, 180_000);

it(
  'does what a broker forgot, as far as rows and copies tell what it was, and lists the rest',
  {
    timeout: 500_000,
  },
  async () => {
    const said: string[] = [];
    const say = (line: string): void => void said.push(line);
    // How soon is measured by the command, with the machine to itself.
    const options = { requests: 20, locks: 'file', program, endsWithinMs: 300_000, say } as const;
    expect(await runBrokerRestart(options), said.join('\n')).toEqual([]);
  },
);
