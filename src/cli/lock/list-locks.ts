import type { Config } from '../../config/load.ts';
import type { Holder } from '../../coordination/coordinator.ts';
import { messageOf } from '../../kernel/errors.ts';
import type { CommandIo } from '../command-io.ts';
import { openDatabaseOf } from '../drive/open-rows.ts';
import { table } from '../table.ts';
import { openCoordinator } from './open-coordinator.ts';

/** A lock that somebody holds; null: the lock service cannot tell, or nobody minted a token. */
export interface ListedLock {
  /** Without the `cinder-` prefix, as `lock run` takes it. */
  readonly name: string;
  readonly holder: string | null;
  readonly ageSeconds: number | null;
  /** The newest fencing token; a Python owner has none, so it may be an earlier owner's. */
  readonly token: string | null;
  readonly waiters: number | null;
}

export async function listLocks(config: Config, io: CommandIo): Promise<readonly ListedLock[]> {
  const { coordinator, close } = await openCoordinator(config, io);
  try {
    const holders = await coordinator.holders();
    const names = holders.map(bareName);
    return listed(holders, await tokensOf(names, config, io));
  } finally {
    await close();
  }
}

/** Sorted by name; an old lock first where one name has two holders. */
export function listed(holders: readonly Holder[], tokens: ReadonlyMap<string, bigint>): readonly ListedLock[] {
  return holders
    .map((holder): ListedLock => {
      const name = bareName(holder);
      return {
        name,
        holder: holder.holder ?? null,
        ageSeconds: holder.ageMs === undefined ? null : Math.round(holder.ageMs / 100) / 10,
        token: tokens.get(name)?.toString() ?? null,
        waiters: holder.waiters ?? null,
      };
    })
    .sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : (b.ageSeconds ?? 0) - (a.ageSeconds ?? 0)));
}

export function lockTable(locks: readonly ListedLock[]): string {
  const cell = (value: string | number | null): string | number => value ?? '–';
  return table(
    ['Lock', 'Holder', 'Age s', 'Token', 'Waiters'],
    locks.map(({ name, holder, ageSeconds, token, waiters }) => [
      name,
      cell(holder),
      cell(ageSeconds),
      cell(token),
      cell(waiters),
    ]),
  );
}

function bareName({ name }: Holder): string {
  return name.replace(/^cinder-/, '');
}

/** The list is of use without them, on the night when the database is away. */
async function tokensOf(names: readonly string[], config: Config, io: CommandIo): Promise<ReadonlyMap<string, bigint>> {
  if (config.settings.database.connection === null || names.length === 0) return new Map();
  try {
    const rows = await openDatabaseOf(config, io.signal);
    return await rows.db.fence.newest(names).finally(() => rows.close());
  } catch (error) {
    io.signal.throwIfAborted();
    io.complain(`warning: without tokens: ${messageOf(error)}`);
    return new Map();
  }
}
