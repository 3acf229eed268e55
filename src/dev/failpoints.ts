import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Claim } from '../db/ports/custody.ts';
import { InvalidInputError } from '../kernel/errors.ts';
import { BootClock } from '../native/boot-clock.ts';
import type { Failpoints } from '../volume/custody-options.ts';

/*
 * Failpoints of a whole process, for tests alone. Two variables of its environment switch them on:
 *
 *   CINDER_VOLUME_AA_TEST_FAILPOINT=NAME=ACTION@N   the N-th time that the step NAME (`*`: any) is reached, the process
 *                                                   kills itself (ACTION kill) or stands still until SIGCONT (freeze)
 *   CINDER_VOLUME_AA_TEST_TRACE=FOLDER              every step is written down in FOLDER/PID.jsonl before it goes on
 */
export const failpointVariable = 'CINDER_VOLUME_AA_TEST_FAILPOINT';
export const traceVariable = 'CINDER_VOLUME_AA_TEST_TRACE';

export type FailpointAction = 'kill' | 'freeze';

interface Armed {
  readonly name: string;
  readonly action: FailpointAction;
  readonly count: number;
}

/** One passed step, as a line of the trace. */
export interface TracedStep {
  /** On the boot clock, which all processes of a machine share. */
  readonly atMs: number;
  readonly pid: number;
  readonly step: string;
  readonly entry?: string;
  readonly claim?: number;
  /** By lock name; decimal. */
  readonly tokens?: Readonly<Record<string, string>>;
}

/** @throws InvalidInputError naming the variable that cannot be read */
export function failpointsOf(environment: NodeJS.ProcessEnv, self = ownProcess): Failpoints {
  const armed = parseFailpoint(environment[failpointVariable]);
  const folder = environment[traceVariable];
  const clock = new BootClock();
  let passed = 0;
  return async (name, claim) => {
    if (folder !== undefined) {
      const step: TracedStep = { atMs: clock.nowMs(), pid: process.pid, step: name, ...claimed(claim) };
      appendFileSync(join(folder, `${process.pid}.jsonl`), `${JSON.stringify(step)}\n`);
    }
    if (armed === undefined || (armed.name !== '*' && armed.name !== name)) return;
    passed += 1;
    if (passed === armed.count) self.signal(armed.action === 'kill' ? 'SIGKILL' : 'SIGSTOP');
  };
}

const ownProcess = { signal: (signal: NodeJS.Signals): unknown => process.kill(process.pid, signal) };

function claimed(claim: Claim | undefined): Partial<TracedStep> {
  if (claim === undefined) return {};
  const tokens = Object.fromEntries([...claim.tokens].map(([name, token]) => [name, String(token)]));
  return { entry: claim.entryId, claim: claim.number, tokens };
}

function parseFailpoint(text: string | undefined): Armed | undefined {
  if (text === undefined) return undefined;
  const [, name = '', action, count] = /^(\*|[a-z:-]+)=(kill|freeze)@([1-9]\d{0,5})$/.exec(text) ?? [];
  if (action === 'kill' || action === 'freeze') return { name, action, count: Number(count) };
  throw new InvalidInputError(failpointVariable, `"${text}" is not of the form NAME=kill@N or NAME=freeze@N`);
}
