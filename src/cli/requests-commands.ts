import type { Command } from 'commander';
import type { Database } from '../db/database.ts';
import type { Incarnation, JournalEntry } from '../db/ports/custody.ts';
import { workOf } from '../domain/host.ts';
import { findUncarried, type Uncarried } from '../volume/uncarried.ts';
import type { CommandIo, Finish } from './command-io.ts';
import { addConfigOptions, configOf } from './config-option.ts';
import { openDatabaseOf } from './drive/open-rows.ts';
import { wholeNumber } from './drive/drive-commands.ts';
import { table } from './table.ts';

/** Of one cloud; more are not shown, and the text says so. */
const mostEntries = 10_000;

interface Flags {
  readonly json?: boolean;
  readonly backend?: string;
  readonly olderThan: number;
}

/** `requests list`: what is in the journal without an end, and rows that wait although nobody carries them. */
export function addRequestsCommands(program: Command, io: CommandIo, finish: Finish): void {
  const requests = program.command('requests').description('requests under way, and rows that nobody carries');
  const list = requests
    .command('list')
    .description('who asked for what and who carries it; then rows in a transitional status that nobody carries');
  const given = addConfigOptions(list);
  list
    .option('--backend <name>', 'only of this backend: host@backend or cluster@backend')
    .option('--older-than <seconds>', 'rows without a request count from this age on', wholeNumber, 300)
    .option('--json', 'print JSON')
    .action(async (flags: Flags) => {
      const config = await configOf(given());
      const rows = await openDatabaseOf(config, io.signal);
      try {
        const { presumedDeadAfterMs } = config.settings.activeActive;
        const found = await lookAt(rows.db, flags, presumedDeadAfterMs);
        io.print(flags.json === true ? JSON.stringify(found, null, 2) : shown(found));
        if (found.uncarried.length > 0) finish(3);
      } finally {
        await rows.close();
      }
    });
}

interface ShownRequest {
  readonly entry: string;
  readonly method: string;
  readonly resource: string;
  readonly backend: string;
  readonly requestId: string | null;
  readonly userId: string | null;
  readonly projectId: string | null;
  readonly origin: JournalEntry['origin'];
  /** `host, pid N`, or null. */
  readonly owner: string | null;
  readonly claims: number;
  readonly ageSeconds: number;
  readonly state: string;
}

interface Found {
  readonly requests: readonly ShownRequest[];
  readonly uncarried: readonly Uncarried[];
}

async function lookAt(db: Database, flags: Flags, silentMs: number): Promise<Found> {
  const backends = flags.backend === undefined ? await knownBackends(db) : [flags.backend];
  const [now, incarnations] = [await db.time(), await db.incarnations.list()];
  const entries = await db.journal.unfinished(backends, mostEntries);
  const carried = new Set(entries.map(({ resourceType, resourceId }) => `${resourceType} ${resourceId}`));
  const look = { carried, olderThanMs: flags.olderThan * 1000 };
  const uncarried = await Promise.all(backends.map((backend) => findUncarried(db, { ...look, backend })));
  const owners = new Map(incarnations.map((one) => [one.id, one]));
  return {
    requests: entries.map((entry) => shownRequest(entry, ownerOf(entry, owners), now, silentMs)),
    uncarried: uncarried.flat(),
  };
}

/** Whose work the services do, also of hosts that are down. */
async function knownBackends(db: Database): Promise<readonly string[]> {
  return workOf(await db.services.list({ binary: 'cinder-volume' }));
}

function ownerOf({ owner }: JournalEntry, owners: ReadonlyMap<string, Incarnation>): Incarnation | undefined {
  return owner === null ? undefined : owners.get(owner);
}

function shownRequest(
  entry: JournalEntry,
  owner: Incarnation | undefined,
  now: string,
  silentMs: number,
): ShownRequest {
  const text = (field: string): string | null => {
    const value = entry.context[field];
    return typeof value === 'string' ? value : null;
  };
  return {
    entry: entry.id,
    method: entry.method,
    resource: `${entry.resourceType} ${entry.resourceId}`,
    backend: entry.backend,
    requestId: text('request_id'),
    userId: text('user_id'),
    projectId: text('project_id'),
    origin: entry.origin,
    owner: owner === undefined ? null : `${owner.host}, pid ${owner.pid}`,
    claims: entry.claim,
    ageSeconds: Math.round((instant(now) - instant(entry.receivedAt)) / 1000),
    state: stateOf(entry, owner, silentMs),
  };
}

/** Both are the database's own UTC text; for an age in seconds a Date is exact enough. */
const instant = (text: string): number => Date.parse(`${text.replace(' ', 'T')}Z`);

/** What the journal shows; a replica's own `/v1/status` says in which step an entry is. */
export function stateOf(
  { owner: ownerId, claim }: Pick<JournalEntry, 'owner' | 'claim'>,
  owner: Pick<Incarnation, 'beatAgeMs'> | undefined,
  silentMs: number,
): string {
  if (ownerId === null) return 'given back: free for any replica';
  if (owner === undefined) return 'its owner is gone: free for any replica';
  if (owner.beatAgeMs > silentMs)
    return `its owner is silent for ${Math.round(owner.beatAgeMs / 1000)} s: free for any`;
  return claim === 0 ? 'received: waits for its locks or a slot' : 'carried on';
}

function shown({ requests, uncarried }: Found): string {
  const head = ['Entry', 'Method', 'Resource', 'Request', 'Project', 'Owner', 'Claims', 'Age/s', 'State'];
  const lines = requests.map((one) => [
    ...[one.entry, one.method, one.resource, one.requestId ?? '', one.projectId ?? '', one.owner ?? '-'],
    ...[one.claims, one.ageSeconds, one.state],
  ]);
  const limit = requests.length >= mostEntries ? `\nonly the first ${mostEntries} are shown` : '';
  const rows = uncarried.map(
    ({ type, id, status, since, reason, command }) =>
      `${type} ${id} is ${status} since ${since ?? 'ever'} (UTC), and nobody carries it\n  why it is left alone: ${reason}\n  what settles it: ${command}`,
  );
  const carried = requests.length === 0 ? 'no request is under way' : `${table(head, lines)}${limit}`;
  return [carried, '', ...(rows.length === 0 ? ['no row waits without a request'] : rows)].join('\n');
}
