import { formatInfoFile } from '../../src/drivers/remotefs/info-file.ts';
import type { Expected } from './ending.ts';
import { base, ids, overlay, type Message } from './scenario.ts';
import type { WorldState } from './world.ts';

/** Where an exploration begins, and how every way must end. */
export interface World {
  readonly messages: readonly Message[];
  readonly start: Pick<WorldState, 'volume' | 'snapshots' | 'files' | 'info' | 'peer' | 'guestWrote'>;
  readonly expected: Expected;
}

const taken: Message = { id: 'take-a', entry: '1', method: 'take', subject: ids.made };
const alsoTaken: Message = { id: 'take-b', entry: '2', method: 'take', subject: ids.alsoMade };
const dropped: Message = { id: 'drop-c', entry: '3', method: 'drop', subject: ids.old };

const oneFile = { [base]: { backing: null, data: ['old'] } };

export const worlds = {
  'one snapshot': {
    messages: [taken],
    start: {
      volume: 'available',
      snapshots: { [ids.made]: 'creating' },
      files: oneFile,
      info: null,
      peer: null,
      guestWrote: true,
    },
    expected: { snapshots: [ids.made], data: ['old'] },
  },
  'two snapshots of one volume': {
    messages: [taken, alsoTaken],
    start: {
      ...{ volume: 'available', files: oneFile, info: null, peer: null, guestWrote: true },
      snapshots: { [ids.made]: 'creating', [ids.alsoMade]: 'creating' },
    },
    expected: { snapshots: [ids.made, ids.alsoMade], data: ['old'] },
  },
  'a snapshot, and the end of an older one': {
    messages: [taken, dropped],
    start: {
      volume: 'available',
      snapshots: { [ids.made]: 'creating', [ids.old]: 'deleting' },
      files: { ...oneFile, [overlay(ids.old)]: { backing: base, data: ['new'] } },
      info: formatInfoFile({ active: overlay(ids.old), snapshots: new Map([[ids.old, overlay(ids.old)]]) }),
      ...{ peer: null, guestWrote: true },
    },
    expected: { snapshots: [ids.made], data: ['old', 'new'] },
  },
  'two messages that ask for one volume': {
    messages: [
      { id: 'fill-1', entry: '1', method: 'fill', subject: ids.volume },
      { id: 'fill-2', entry: '2', method: 'fill', subject: ids.volume },
    ],
    start: { volume: 'creating', snapshots: {}, files: {}, info: null, peer: null, guestWrote: false },
    expected: { snapshots: [], data: ['image', 'guest'] },
  },
  'a Python peer beside': {
    messages: [taken, alsoTaken],
    start: {
      ...{ volume: 'available', files: oneFile, info: null, guestWrote: true },
      snapshots: { [ids.made]: 'creating', [ids.alsoMade]: 'creating' },
      peer: { at: 'idle', message: alsoTaken, seen: null, frozen: false },
    },
    expected: { snapshots: [ids.made, ids.alsoMade], data: ['old'] },
  },
} as const satisfies Readonly<Record<string, World>>;

export type WorldName = keyof typeof worlds;
