import { formatInfoFile, parseInfoFile, withSnapshot } from '../../src/drivers/remotefs/info-file.ts';
import { lockNames } from '../../src/coordination/lock-names.ts';
import type { Move } from './move.ts';
import { base, ids, overlay } from './scenario.ts';
import { Violation, type PeerState, type WorldState } from './world.ts';

export const peerName = 'python';
const lock = lockNames.driverVolume('nfs', ids.volume);

/**
 * A Python service on the same queue, as far as it matters: it acknowledges a message before it begins, takes the same lock,
 * and writes what it has read, with no token. Dead, its lock runs out and its workers row is found.
 */
export function peerMoves(state: WorldState, peer: PeerState): readonly Move[] {
  if (peer.at === 'dead') return deadMoves(state, peer);
  if (peer.frozen) return frozenMoves(state);
  const faults = peer.at === 'idle' || peer.at === 'done' ? [] : faultsOf(state);
  const step = stepOf(state, peer);
  return [...(step === undefined ? [] : [step]), ...faults];
}

const move = (name: string, run: (next: WorldState, peer: PeerState) => void, isFault = false): Move => ({
  name: `python ${name}`,
  isFault,
  run: (next) => {
    if (next.peer !== null) run(next, next.peer);
  },
});

function stepOf(state: WorldState, peer: PeerState): Move | undefined {
  const snapshot = peer.message?.subject ?? '';
  switch (peer.at) {
    case 'idle': {
      const index = state.queue.findIndex(({ to, message }) => to === null && message === peer.message?.id);
      if (index === -1) return undefined;
      return move('takes its message, which is acknowledged', (next, own) => {
        next.queue.splice(index, 1);
        own.at = 'has';
      });
    }
    case 'has':
      if ((state.locks[lock]?.holder ?? null) !== null) return undefined;
      return move('has the lock', (next, own) => {
        const held = (next.locks[lock] ??= { holder: null, grants: 0, claimed: 0, looked: 0 });
        held.grants += 1;
        held.holder = { carrier: peerName, grant: held.grants };
        own.at = 'locked';
      });
    case 'locked':
      return move('reads .info', (next, own) => {
        const held = next.locks[lock];
        if (held?.holder?.carrier === peerName) held.looked = held.holder.grant;
        [own.seen, own.at] = [next.info, 'looked'];
      });
    case 'looked':
      return move('makes the overlay', (next, own) => {
        const top = own.seen === null ? base : parseInfoFile(own.seen, 'info').active;
        next.files[overlay(snapshot)] = { backing: top, data: [] };
        own.at = 'overlay';
      });
    case 'overlay':
      return move('writes .info', (next, own) => {
        if (next.locks[lock]?.holder?.carrier !== peerName) throw new Violation('python writes .info without its lock');
        const known =
          own.seen === null ? { active: base, snapshots: new Map<string, string>() } : parseInfoFile(own.seen, 'info');
        next.info = formatInfoFile(withSnapshot(known, snapshot, overlay(snapshot)));
        own.at = 'info';
      });
    case 'info':
      return move('writes the row', (next, own) => {
        next.snapshots[snapshot] = 'available';
        own.at = 'row';
      });
    case 'row':
      return move('gives the lock back', (next, own) => {
        const held = next.locks[lock];
        if (held?.holder?.carrier === peerName) held.holder = null;
        own.at = 'done';
      });
    default:
      return undefined;
  }
}

function faultsOf({ budget }: WorldState): readonly Move[] {
  const kill = move(
    'is killed',
    (next, own) => {
      next.budget.kill -= 1;
      own.at = 'dead';
    },
    true,
  );
  const freeze = move(
    'stands still',
    (next, own) => {
      next.budget.freeze -= 1;
      own.frozen = true;
    },
    true,
  );
  return [...(budget.kill > 0 ? [kill] : []), ...(budget.freeze > 0 ? [freeze] : [])];
}

function frozenMoves(state: WorldState): readonly Move[] {
  return [move('goes on', (_next, own) => (own.frozen = false)), ...lockEnd(state)];
}

/** Its row stays `creating`, with a workers row: reconciliation makes an entry of it, which anybody takes up. */
function deadMoves(state: WorldState, { message }: PeerState): readonly Move[] {
  const isLost = message !== null && state.entries[message.id] === undefined;
  if (!isLost || state.snapshots[message.subject] !== 'creating') return lockEnd(state);
  const found = move("'s row is found", (next) => {
    next.entries[message.id] = { id: message.entry, owner: null, claim: 0, outcome: null };
  });
  return [...lockEnd(state), found];
}

function lockEnd(state: WorldState): readonly Move[] {
  if (state.locks[lock]?.holder?.carrier !== peerName) return [];
  return [
    move("'s lock runs out", (next) => {
      const held = next.locks[lock];
      if (held !== undefined) held.holder = null;
    }),
  ];
}
