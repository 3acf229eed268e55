import { parseInfoFile } from '../../src/drivers/remotefs/info-file.ts';
import { base } from './scenario.ts';
import { Violation, type WorldState } from './world.ts';

/** What must be so where nothing moves any more. @throws Violation */
export function judgeEnd(state: WorldState, expected: Expected): void {
  for (const { message } of state.queue) wrong(`the message ${message} is still in the queue`);
  for (const { id, outcome } of Object.values(state.entries)) {
    if (outcome === null) wrong(`the entry ${id} has no end`);
    if (outcome === 'refused') wrong(`the entry ${id} was refused`);
  }
  if (state.volume !== 'available') wrong(`the volume is ${state.volume}`);
  const rows = Object.entries(state.snapshots).map(([id, status]) => `${id} ${status}`);
  same(
    'rows',
    rows,
    expected.snapshots.map((id) => `${id} available`),
  );
  judgeShare(state, expected);
}

export interface Expected {
  readonly snapshots: readonly string[];
  /** What a guest reads in the volume. */
  readonly data: readonly string[];
}

function judgeShare({ info, files, temps }: WorldState, { snapshots, data }: Expected): void {
  same('unfinished files', Object.keys(temps), []);
  const known = info === null ? null : parseInfoFile(info, 'info');
  same('snapshots in .info', [...(known?.snapshots.keys() ?? [])], snapshots);
  const chain: string[] = [];
  let read: string[] = [];
  for (let next: string | null = known?.active ?? base; next !== null; next = files[next]?.backing ?? null) {
    if (chain.includes(next)) wrong(`the chain comes back to ${next}`);
    if (files[next] === undefined) wrong(`the chain needs ${next}, which is not there`);
    chain.push(next);
    read = [...read, ...(files[next]?.data ?? [])];
  }
  same('files', Object.keys(files), chain);
  same('data in the volume', [...new Set(read)], data);
  for (const [id, file] of known?.snapshots ?? [])
    if (!chain.includes(file)) wrong(`${file} of ${id} is not in the chain`);
}

function same(what: string, found: readonly string[], wanted: readonly string[]): void {
  const text = (list: readonly string[]): string => [...list].sort().join(', ');
  if (text(found) !== text(wanted)) wrong(`${what}: ${text(found) || 'none'}, not ${text(wanted) || 'none'}`);
}

function wrong(problem: string): never {
  throw new Violation(problem);
}
