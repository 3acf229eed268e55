import { askName, type Ask } from './asks.ts';
import { happens, hasBegun, isWrite, type Move, type Rules } from './move.ts';
import { perform } from './perform.ts';
import { messageOf, replicaOf, type WorldState } from './world.ts';

/** What happens to whole processes: they stand still, go on, die, and what they had sent arrives. */
export function replicaMoves(state: WorldState, replica: string, rules: Rules): readonly Move[] {
  const { at } = state.replicas[replica] ?? { at: 'dead' };
  const carriers = Object.keys(state.carriers).filter((carrier) => replicaOf(carrier) === replica);
  if (at === 'frozen') return [thaw(replica, carriers, rules), ...takingBack(state, carriers)];
  if (at === 'dead' || !hasBegun(state, replica, rules)) return [];
  const others = Object.entries(state.replicas).some(([name, one]) => name !== replica && one.at !== 'dead');
  return [
    ...(state.budget.freeze > 0 ? [freeze(replica, carriers)] : []),
    ...(state.budget.kill > 0 && others ? [kill(replica, carriers, rules)] : []),
  ];
}

function freeze(replica: string, carriers: readonly string[]): Move {
  return {
    name: `${replica} stands still`,
    isFault: true,
    run: (next) => {
      next.budget.freeze -= 1;
      next.replicas[replica] = { ...next.replicas[replica], at: 'frozen' };
      for (const carrier of carriers) {
        const own = next.carriers[carrier];
        if (own !== undefined) own.wasFrozen = true;
      }
    },
  };
}

function thaw(replica: string, carriers: readonly string[], rules: Rules): Move {
  return {
    name: `${replica} goes on`,
    isFault: false,
    run: async (next) => {
      next.replicas[replica] = { ...next.replicas[replica], at: 'running' };
      for (const carrier of carriers) {
        const own = next.carriers[carrier];
        if (own?.lease?.lapsed === true) {
          own.toNotice = true;
          await happens(next, carrier, { event: 'lapse' }, rules);
        }
        if (own?.channelLost !== true) continue;
        own.channelLost = false;
        await happens(next, carrier, { event: 'channel lost' }, rules);
      }
    },
  };
}

/** The broker hears nothing of the one that stands still, and gives its messages to others. */
function takingBack(state: WorldState, carriers: readonly string[]): readonly Move[] {
  const own = state.queue.filter(({ to }) => to !== null && carriers.includes(to));
  if (own.length === 0) return [];
  return [
    {
      name: `the broker takes ${own.map(({ message }) => message).join(', ')} back`,
      isFault: false,
      run: (next) => {
        for (const queued of next.queue) {
          if (queued.to === null || !carriers.includes(queued.to)) continue;
          const carrier = next.carriers[queued.to];
          if (carrier !== undefined) carrier.channelLost = true;
          queued.to = null;
        }
      },
    },
  ];
}

function kill(replica: string, carriers: readonly string[], { learned }: Rules): Move {
  return {
    name: `${replica} is killed`,
    isFault: true,
    run: (next) => {
      next.budget.kill -= 1;
      next.replicas[replica] = { at: 'dead' };
      for (const queued of next.queue) if (queued.to !== null && carriers.includes(queued.to)) queued.to = null;
      for (const name of carriers) {
        const own = next.carriers[name];
        if (own === undefined) continue;
        for (const [number, ask] of next.budget.late > 0 ? learned.asks(own.place) : []) {
          if (canArriveLate(ask)) next.late.push({ carrier: name, place: own.place, ask: number, lease: own.lease });
        }
        [own.place, own.acked, own.held, own.lease] = [-1, [], {}, null];
      }
    },
  };
}

function canArriveLate(ask: Ask): boolean {
  return isWrite(ask) || (ask.to === 'share' && (ask.what === 'publish' || ask.what === 'unlink'));
}

/** What the dead have sent arrives at any time, or never. */
export function lateArrivals(state: WorldState, { learned, messages, mistake }: Rules): readonly Move[] {
  if (state.budget.late === 0) return [];
  return state.late.flatMap((late, index) => {
    const ask = learned.asks(late.place).get(late.ask);
    const message = messages.find(({ id }) => id === messageOf(late.carrier));
    if (ask === undefined || message === undefined) return [];
    const { carrier, lease } = late;
    return [
      {
        name: `${carrier}, which is dead: ${askName(ask)} arrives`,
        isFault: true,
        run: (next: WorldState) => {
          next.budget.late -= 1;
          next.late.splice(index, 1);
          perform(next, { carrier, message, lease, wasFrozen: true }, ask, mistake);
        },
      },
    ];
  });
}
