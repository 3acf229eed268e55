import { askName, type Answer, type Ask } from './asks.ts';
import { happens, hasBegun, isWrite, type Move, type Rules } from './move.ts';
import { askerOf, isPossible, perform } from './perform.ts';
import { peerMoves } from './python-peer.ts';
import { lateArrivals, replicaMoves } from './replica-moves.ts';
import { base } from './scenario.ts';
import { carrierName, replicaOf, type CarrierState, type WorldState } from './world.ts';

export function movesOf(state: WorldState, rules: Rules): readonly Move[] {
  return [
    ...deliveries(state, rules),
    ...Object.entries(state.carriers).flatMap(([name, carrier]) => carrierMoves(state, name, carrier, rules)),
    ...Object.keys(state.replicas).flatMap((replica) => replicaMoves(state, replica, rules)),
    ...lateArrivals(state, rules),
    ...leaseEnds(state),
    ...guestMoves(state),
    ...(state.peer === null ? [] : peerMoves(state, state.peer)),
  ];
}

const isRunning = (state: WorldState, carrier: string): boolean => state.replicas[replicaOf(carrier)]?.at === 'running';

function deliveries(state: WorldState, rules: Rules): readonly Move[] {
  return state.queue.flatMap((queued, index) => {
    if (queued.to !== null) return [];
    return receivers(state, rules).map((replica) => {
      const carrier = carrierName(replica, queued.message);
      return {
        name: `the broker delivers ${queued.message} to ${replica}`,
        isFault: false,
        run: async (next: WorldState) => {
          const [one] = next.queue.slice(index);
          if (one !== undefined) one.to = carrier;
          await happens(next, carrier, { event: 'message' }, rules);
        },
      };
    });
  });
}

/** Of the replicas that have not done anything yet one stands for all. */
function receivers(state: WorldState, rules: Rules): readonly string[] {
  const running = Object.keys(state.replicas).filter((replica) => state.replicas[replica]?.at === 'running');
  const fresh = running.find((replica) => !hasBegun(state, replica, rules));
  return running.filter((replica) => replica === fresh || hasBegun(state, replica, rules));
}

function carrierMoves(state: WorldState, name: string, carrier: CarrierState, rules: Rules): readonly Move[] {
  const { at } = state.replicas[replicaOf(name)] ?? { at: 'dead' };
  if (at === 'dead') return [];
  const asks = [...rules.learned.asks(carrier.place)];
  const notice: Move = {
    name: `${name}: the lease's timer fires`,
    isFault: false,
    run: async (next) => {
      const own = next.carriers[name];
      if (own !== undefined) own.toNotice = false;
      await happens(next, name, { event: 'notice' }, rules);
    },
  };
  return [
    ...asks.flatMap(([number, ask]) => askMoves(state, name, { number, ask }, at === 'frozen', rules)),
    ...(at === 'running' && carrier.toNotice ? [notice] : []),
  ];
}

interface Numbered {
  readonly number: string;
  readonly ask: Ask;
}

function askMoves(
  state: WorldState,
  carrier: string,
  asked: Numbered,
  isFrozen: boolean,
  rules: Rules,
): readonly Move[] {
  const { number, ask } = asked;
  const held = state.carriers[carrier]?.held[number];
  if (held !== undefined) return isFrozen ? [] : [answerMove(carrier, asked, () => held, rules)];
  if (ask.to === 'broker') return isFrozen ? [] : ackMoves(state, carrier, asked, rules);
  const asker = askerOf(state, carrier, rules.messages);
  if (!isPossible(state, asker, ask, rules.mistake)) return [];
  // A statement that is on its way arrives, also while its sender stands still; of locks and shares its helpers stand still too.
  if (isFrozen && ask.to !== 'database') return [];
  const lapsed = asker.lease?.lapsed === true;
  if (ask.to === 'share' && lapsed) return lapsedShareMoves(state, carrier, asked, rules);
  const does = (next: WorldState): Answer => perform(next, askerOf(next, carrier, rules.messages), ask, rules.mistake);
  const moves = [isFrozen ? heldMove(carrier, asked, does) : answerMove(carrier, asked, does, rules)];
  if (isFrozen || ask.to !== 'database' || state.budget.lostAnswer === 0 || !isWrite(ask)) return moves;
  const loses = (isDone: boolean) => (next: WorldState) => {
    next.budget.lostAnswer -= 1;
    if (isDone) does(next);
    return { fail: 'unknown' } as const;
  };
  return [
    ...moves,
    { ...answerMove(carrier, asked, loses(true), rules, ', and the answer gets lost'), isFault: true },
    { ...answerMove(carrier, asked, loses(false), rules, ': the connection breaks before it'), isFault: true },
  ];
}

function ackMoves(state: WorldState, carrier: string, { number, ask }: Numbered, rules: Rules): readonly Move[] {
  if (state.carriers[carrier]?.acked.includes(number) === true) return [];
  return [
    {
      name: `${carrier}: ack`,
      isFault: false,
      run: (next) => {
        perform(next, askerOf(next, carrier, rules.messages), ask, rules.mistake);
        const own = next.carriers[carrier];
        if (own !== undefined) own.acked = [...own.acked, number];
      },
    },
  ];
}

function answerMove(
  carrier: string,
  { number, ask }: Numbered,
  answerIn: (next: WorldState) => Answer,
  rules: Rules,
  how = '',
): Move {
  return {
    name: `${carrier}: ${askName(ask)}${how}`,
    isFault: false,
    run: async (next) => {
      const answer = answerIn(next);
      const own = next.carriers[carrier];
      if (own !== undefined) Reflect.deleteProperty(own.held, number);
      await happens(next, carrier, { event: 'answer', ask: number, answer }, rules);
    },
  };
}

/** Its effect is there, and its answer waits for the sender. */
function heldMove(carrier: string, { number, ask }: Numbered, does: (next: WorldState) => Answer): Move {
  return {
    name: `${carrier}, which stands still: ${askName(ask)} arrives`,
    isFault: false,
    run: (next) => {
      const answer = does(next);
      const own = next.carriers[carrier];
      if (own !== undefined) own.held[number] = answer;
    },
  };
}

/** The helper compares the deadline just before; what it had let pass before it stood still happens all the same. */
function lapsedShareMoves(state: WorldState, carrier: string, asked: Numbered, rules: Rules): readonly Move[] {
  const { ask } = asked;
  const refused = answerMove(carrier, asked, () => ({ fail: 'deadline' }), rules, ': refused, its time is over');
  const isOneCall = ask.to === 'share' && (ask.what === 'publish' || ask.what === 'unlink');
  if (!isOneCall || state.budget.late === 0) return [refused];
  const decided = (next: WorldState): Answer => {
    next.budget.late -= 1;
    return perform(next, askerOf(next, carrier, rules.messages), ask, rules.mistake);
  };
  return [refused, { ...answerMove(carrier, asked, decided, rules, ', decided before it stood still'), isFault: true }];
}

/** Locks of the dead and of those that stand still run out. */
function leaseEnds(state: WorldState): readonly Move[] {
  return Object.entries(state.locks).flatMap(([name, { holder }]) => {
    if (holder === null || isRunning(state, holder.carrier) || holder.carrier === 'python') return [];
    return [
      {
        name: `the lock ${name} of ${holder.carrier} runs out`,
        isFault: false,
        run: (next: WorldState) => {
          const lock = next.locks[name];
          if (lock !== undefined) lock.holder = null;
          const lease = next.carriers[holder.carrier]?.lease;
          if (lease?.grant === holder.grant) lease.lapsed = true;
        },
      },
    ];
  });
}

/** Once the volume is there its guest writes into it. */
function guestMoves(state: WorldState): readonly Move[] {
  if (state.guestWrote || state.volume !== 'available' || state.files[base] === undefined) return [];
  return [
    {
      name: 'the guest writes',
      isFault: false,
      run: (next) => {
        next.guestWrote = true;
        next.files[base]?.data.push('guest');
      },
    },
  ];
}
