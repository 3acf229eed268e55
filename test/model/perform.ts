import type { Json } from '../../src/domain/json.ts';
import { parseInfoFile } from '../../src/drivers/remotefs/info-file.ts';
import type { Answer, Ask, ShareArgs } from './asks.ts';
import { factsOf, type PlainClaim, type Statement } from './carrier-ports.ts';
import type { Mistake } from './mistakes.ts';
import { backend, base, rowOf, volumeRow, type Message } from './scenario.ts';
import { messageOf, replicaOf, Violation, type CarrierState, type Entry, type WorldState } from './world.ts';

/** Who asks. */
export interface Asker {
  readonly carrier: string;
  readonly message: Message;
  readonly lease: CarrierState['lease'];
  readonly wasFrozen: boolean;
}

/** Whether somebody could be asked now: a lock that is held, and a take-over of nothing, are waited for. */
export function isPossible(state: WorldState, asker: Asker, ask: Ask, mistake: Mistake | undefined): boolean {
  if (ask.to === 'locks' && ask.what === 'acquire') {
    return ask.names.every((name) => (state.locks[name]?.holder ?? null) === null);
  }
  return ask.to !== 'database' || ask.what !== 'journal.adopt' || isFree(state, asker, mistake);
}

/** Does what is asked, all at once, and answers. @throws Violation */
export function perform(state: WorldState, asker: Asker, ask: Ask, mistake: Mistake | undefined): Answer {
  switch (ask.to) {
    case 'broker':
      state.queue = state.queue.filter(({ message, to }) => message !== asker.message.id || to !== asker.carrier);
      return ok(null);
    case 'locks':
      return ask.what === 'acquire' ? acquire(state, asker, ask.names) : release(state, asker);
    case 'share':
      return onShare(state, asker, ask.what, ask.args, mistake);
    case 'database':
      return inDatabase(state, asker, ask.what, ask.args as readonly Json[], mistake);
  }
}

const ok = (value: Json): Answer => ({ ok: value });

function acquire(state: WorldState, { carrier }: Asker, names: readonly string[]): Answer {
  let grant = 0;
  for (const name of names) {
    const lock = (state.locks[name] ??= { holder: null, grants: 0, claimed: 0, looked: 0 });
    grant = lock.grants += 1;
    lock.holder = { carrier, grant };
  }
  const own = state.carriers[carrier];
  if (own !== undefined) own.lease = { names, grant, lapsed: false };
  return ok(null);
}

function release(state: WorldState, { carrier, lease }: Asker): Answer {
  for (const name of lease?.names ?? []) {
    const lock = state.locks[name];
    if (lock?.holder?.carrier === carrier && lock.holder.grant === lease?.grant) lock.holder = null;
  }
  const own = state.carriers[carrier];
  if (own !== undefined) [own.lease, own.toNotice] = [null, false];
  return ok(null);
}

function inDatabase(
  state: WorldState,
  asker: Asker,
  what: Extract<Ask, { to: 'database' }>['what'],
  args: readonly Json[],
  mistake: Mistake | undefined,
): Answer {
  const entry = state.entries[asker.message.id];
  switch (what) {
    case 'journal.receive':
      return ok(receive(state, asker));
    case 'journal.claim':
      return ok(claim(state, asker, entry, args[2] as readonly string[]));
    case 'journal.adopt': {
      if (entry === undefined || !isFree(state, asker, mistake)) return ok([]);
      entry.owner = replicaOf(asker.carrier);
      return ok([asEntry(entry, asker.message)]);
    }
    case 'journal.giveBack':
      if (entry?.owner === replicaOf(asker.carrier) && entry.outcome === null) entry.owner = null;
      return ok(1);
    case 'journal.outcomeOf':
      return ok(entry === undefined ? null : { outcome: entry.outcome, claim: entry.claim });
    case 'journal.unfinished':
      return ok(entry?.outcome === null ? [asEntry(entry, asker.message)] : []);
    case 'fence.check':
      return isNewest(state, asker, args[0] as unknown as PlainClaim) ? ok(null) : { fail: 'lost' };
    case 'volumes.get':
      return ok({ ...volumeRow, status: state.volume });
    case 'snapshots.get': {
      const id = args[0] as string;
      const status = state.snapshots[id];
      return ok(status === undefined ? null : (rowOf(id, status) as unknown as Json));
    }
    case 'snapshots.ofVolume':
      return ok(Object.entries(state.snapshots).map(([id, status]) => rowOf(id, status)) as unknown as Json);
    case 'transaction':
      return transact(state, asker, args[0] as unknown as readonly Statement[], mistake);
  }
}

function receive(state: WorldState, { carrier, message }: Asker): Json {
  if (state.entries[message.id] !== undefined) return [];
  const entry: Entry = { id: message.entry, owner: replicaOf(carrier), claim: 0, outcome: null };
  state.entries[message.id] = entry;
  return [asEntry(entry, message)];
}

function claim(state: WorldState, asker: Asker, entry: Entry | undefined, names: readonly string[]): Json {
  if (entry?.outcome !== null) return null;
  entry.claim += 1;
  entry.owner = replicaOf(asker.carrier);
  for (const name of names) {
    state.tokens[name] = (state.tokens[name] ?? 0) + 1;
    refuseTheft(state, asker, name);
  }
  for (const name of asker.lease?.names ?? []) {
    const lock = state.locks[name];
    if (lock !== undefined) lock.claimed = Math.max(lock.claimed, asker.lease?.grant ?? 0);
  }
  const tokens = Object.fromEntries(names.map((name) => [name, state.tokens[name] ?? 0]));
  return { entryId: entry.id, number: entry.claim, tokens };
}

/** Nobody who holds its locks and is well loses what it stands on; unless to one who stood still and does not know it yet. */
function refuseTheft(state: WorldState, { carrier, wasFrozen }: Asker, name: string): void {
  const holder = state.locks[name]?.holder;
  if (holder === null || holder === undefined || holder.carrier === carrier || wasFrozen) return;
  if (state.replicas[replicaOf(holder.carrier)]?.at !== 'running') return;
  throw new Violation(`${carrier} claims under ${name}, which ${holder.carrier} holds`);
}

/** For a take-over: unfinished, and given back or of somebody who is silent. */
function isFree(state: WorldState, { carrier, message }: Asker, mistake: Mistake | undefined): boolean {
  const entry = state.entries[message.id];
  if (entry?.outcome !== null) return false;
  if (entry.owner === null) return true;
  const isSilent = state.replicas[entry.owner]?.at !== 'running' && mistake !== 'a silent owner keeps its entries';
  return entry.owner !== replicaOf(carrier) && isSilent;
}

function isNewest(state: WorldState, { message }: Asker, held: PlainClaim): boolean {
  const entry = state.entries[message.id];
  if (entry?.claim !== held.number || entry.outcome !== null) return false;
  return Object.entries(held.tokens).every(([name, token]) => state.tokens[name] === token);
}

function transact(
  state: WorldState,
  asker: Asker,
  statements: readonly Statement[],
  mistake: Mistake | undefined,
): Answer {
  const compares = mistake !== 'a settlement does not compare claim and tokens';
  for (const one of statements) {
    if ('claim' in one) {
      if (compares && !isNewest(state, asker, one.claim)) return { fail: 'lost' };
    } else if (one.do === 'update' && statusOf(state, one.table, one.id) !== one.expected) return { fail: 'moved' };
  }
  for (const one of statements) {
    const entry = state.entries[asker.message.id];
    if ('claim' in one) {
      if (entry !== undefined && one.do === 'finish') entry.outcome = one.outcome === 'done' ? 'done' : 'refused';
    } else if (one.do === 'destroy') Reflect.deleteProperty(state.snapshots, one.id);
    else if (one.table === 'volumes') state.volume = one.status ?? '';
    else state.snapshots[one.id] = one.status ?? '';
  }
  for (const name of asker.lease?.names ?? []) {
    if ((asker.lease?.grant ?? 0) < (state.locks[name]?.claimed ?? 0)) {
      throw new Violation(`${asker.carrier} settles after somebody else has claimed under ${name}`);
    }
  }
  return ok(null);
}

function statusOf(state: WorldState, table: 'volumes' | 'snapshots', id: string): string | undefined {
  return table === 'volumes' ? state.volume : state.snapshots[id];
}

function asEntry({ id, owner, claim }: Entry, { id: uniqueId, method, subject }: Message): Json {
  return {
    ...{ id, uniqueId, owner, claim, method, version: '3.0', backend, args: { id: subject }, context: {} },
    ...{ resourceType: 'Snapshot', resourceId: subject, origin: 'message', notes: {}, receivedAt: '' },
  };
}

function onShare(
  state: WorldState,
  asker: Asker,
  what: Extract<Ask, { to: 'share' }>['what'],
  args: ShareArgs,
  mistake: Mistake | undefined,
): Answer {
  const { name } = args;
  switch (what) {
    case 'look':
      return ok(look(state, asker, args, mistake));
    case 'inspect':
      return ok(factsOf(name, state.files[name]) as unknown as Json);
    case 'write':
      if (args.file !== undefined) state.temps[name] = args.file;
      return ok(null);
    case 'publish':
      return publish(state, asker, args);
    case 'unlink':
      if (args.tag !== '') for (const temp of tempsOf(state, args.tag)) Reflect.deleteProperty(state.temps, temp);
      Reflect.deleteProperty(state.files, name);
      return ok(null);
    case 'merge': {
      const below = state.files[state.files[name]?.backing ?? ''];
      if (below === undefined) return { fail: 'missing' };
      below.data = [...new Set([...below.data, ...(state.files[name]?.data ?? [])])].sort();
      return ok(null);
    }
    case 'rebase': {
      const image = state.files[name];
      if (image === undefined) return { fail: 'missing' };
      image.backing = args.backing ?? null;
      return ok(null);
    }
  }
}

/** As the share helper does it, in one. */
function look(state: WorldState, asker: Asker, { tag, also = [] }: ShareArgs, mistake: Mistake | undefined): Json {
  if (mistake !== 'a look leaves the unfinished files of others') {
    const own = new Set(tempsOf(state, tag));
    for (const temp of Object.keys(state.temps)) if (!own.has(temp)) Reflect.deleteProperty(state.temps, temp);
  }
  for (const name of asker.lease?.names ?? []) {
    const lock = state.locks[name];
    if (lock !== undefined) lock.looked = Math.max(lock.looked, asker.lease?.grant ?? 0);
  }
  const replica = state.replicas[replicaOf(asker.carrier)];
  const keeps = mistake === 'a replica keeps .info of its last look' && replica !== undefined;
  const info = keeps && replica.cached !== undefined ? replica.cached : state.info;
  if (keeps) replica.cached = info;
  const images: Record<string, Json> = {};
  let next: string | null = info === null ? base : parseInfoFile(info, 'info').active;
  while (next !== null && !(next in images)) {
    images[next] = factsOf(next, state.files[next]) as unknown as Json;
    next = state.files[next]?.backing ?? null;
  }
  for (const name of [base, ...also]) images[name] ??= factsOf(name, state.files[name]) as unknown as Json;
  return { info, images };
}

function tempsOf(state: WorldState, tag: string): readonly string[] {
  return Object.keys(state.temps).filter((temp) => temp.split('~')[1] === tag);
}

/** The one system call that makes a change visible. */
function publish(state: WorldState, asker: Asker, { tag: temp, name, how }: ShareArgs): Answer {
  const file = state.temps[temp];
  if (file === undefined) return { fail: 'missing' };
  Reflect.deleteProperty(state.temps, temp);
  if ('text' in file) state.info = file.text;
  else if (how === 'link' && state.files[name] !== undefined) return { fail: 'exists' };
  else state.files[name] = { backing: file.backing, data: [...file.data] };
  for (const lock of asker.lease?.names ?? []) {
    if ((asker.lease?.grant ?? 0) < (state.locks[lock]?.looked ?? 0)) {
      throw new Violation(`${asker.carrier} changes ${name} after somebody else has looked under ${lock}`);
    }
  }
  return ok(null);
}

export const askerOf = (state: WorldState, carrier: string, messages: readonly Message[]): Asker => {
  const own = state.carriers[carrier];
  const message = messages.find(({ id }) => id === messageOf(carrier));
  if (own === undefined || message === undefined) throw new Error(`no carrier ${carrier}`);
  return { carrier, message, lease: own.lease, wasFrozen: own.wasFrozen };
};
