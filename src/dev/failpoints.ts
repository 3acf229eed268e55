import { appendFileSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import type { Claim } from '../db/ports/custody.ts';
import { InvalidInputError, isErrno } from '../kernel/errors.ts';
import { BootClock } from '../native/boot-clock.ts';
import type { Failpoints } from '../volume/custody-options.ts';

/*
 * Failpoints of a whole process, for tests alone. Two variables of its environment switch them on:
 *
 *   CINDER_VOLUME_AA_TEST_FAILPOINT=NAME=ACTION@N   the N-th time that the step NAME (`*`: any) is reached, the process
 *                                                   kills itself (ACTION kill) or stands still until SIGCONT (freeze)
 *   CINDER_VOLUME_AA_TEST_FAILPOINT=@FILE           the same as the first line of FILE says, which may come at any time. Of
 *                                                   all processes that look there the first one that gets so far takes it
 *                                                   away, to FILE.PID
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
  const trap = trapOf(environment[failpointVariable]);
  const folder = environment[traceVariable];
  const clock = new BootClock();
  return async (name, claim) => {
    if (folder !== undefined) {
      const step: TracedStep = { atMs: clock.nowMs(), pid: process.pid, step: name, ...claimed(claim) };
      appendFileSync(join(folder, `${process.pid}.jsonl`), `${JSON.stringify(step)}\n`);
    }
    const action = trap(name);
    if (action !== undefined) self.signal(action === 'kill' ? 'SIGKILL' : 'SIGSTOP');
  };
}

/** What the process is to do with itself at this step. */
type Trap = (step: string) => FailpointAction | undefined;

function trapOf(text: string | undefined): Trap {
  if (text?.startsWith('@') === true) return fileTrap(text.slice(1));
  const armed = text === undefined ? undefined : parseFailpoint(text);
  let passed = 0;
  return (step) => {
    if (armed === undefined || !isAt(armed, step)) return undefined;
    passed += 1;
    return passed === armed.count ? armed.action : undefined;
  };
}

function fileTrap(path: string): Trap {
  let seen = '';
  let passed = 0;
  return (step) => {
    const text = textOf(path);
    if (text !== seen) [seen, passed] = [text, 0];
    if (text === '') return undefined;
    const armed = parseFailpoint(text.split('\n')[0] ?? '');
    if (!isAt(armed, step)) return undefined;
    passed += 1;
    return passed === armed.count && isTaken(path) ? armed.action : undefined;
  };
}

const isAt = ({ name }: Armed, step: string): boolean => name === '*' || name === step;

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return '';
    throw error;
  }
}

/** Whether this process took it away, not another one. */
function isTaken(path: string): boolean {
  try {
    renameSync(path, `${path}.${process.pid}`);
    return true;
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return false;
    throw error;
  }
}

const ownProcess = { signal: (signal: NodeJS.Signals): unknown => process.kill(process.pid, signal) };

function claimed(claim: Claim | undefined): Partial<TracedStep> {
  if (claim === undefined) return {};
  const tokens = Object.fromEntries([...claim.tokens].map(([name, token]) => [name, String(token)]));
  return { entry: claim.entryId, claim: claim.number, tokens };
}

function parseFailpoint(text: string): Armed {
  const [, name = '', action, count] = /^(\*|[a-z: -]+)=(kill|freeze)@([1-9]\d{0,5})$/.exec(text) ?? [];
  if (action === 'kill' || action === 'freeze') return { name, action, count: Number(count) };
  throw new InvalidInputError(failpointVariable, `"${text}" is not of the form NAME=kill@N or NAME=freeze@N`);
}
