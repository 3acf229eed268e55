import type { QuotaRules } from '../database-options.ts';
import type { QuotaRepository } from '../ports/resources.ts';
import type { Session } from '../session.ts';
import { countSql } from './quota-count.ts';

export class Quotas implements QuotaRepository {
  readonly #session: Session;
  readonly #rules: QuotaRules;

  constructor(session: Session, rules: QuotaRules) {
    this.#session = session;
    this.#rules = rules;
  }

  /** Rows are locked in the order of their ids, as upstream does it: two of us, or we and the API, wait in line. */
  async adjust(projectId: string, deltas: Readonly<Record<string, number>>): Promise<void> {
    const resources = Object.keys(deltas);
    if (resources.length === 0) return;
    await this.#session.atomically(async (tx) => {
      const rows = await tx.read<{ id: number; resource: string }>(
        `select id, resource from quota_usages
         where project_id = ? and ${tx.dialect.anyOf('resource')} and deleted = false order by id for update`,
        [projectId, resources],
      );
      await changeUsages(
        tx,
        rows.map(({ id, resource }) => ({ id, inUse: deltas[resource] ?? 0, reserved: 0 })),
      );
      const known = new Set(rows.map(({ resource }) => resource));
      const missing = Object.entries(deltas).filter(([resource]) => !known.has(resource));
      for (const [resource, delta] of missing.toSorted()) await this.#count(tx, projectId, resource, delta);
    });
  }

  async commit(reservationIds: readonly string[]): Promise<void> {
    await this.#settle(reservationIds, (delta) => delta);
  }

  async rollback(reservationIds: readonly string[]): Promise<void> {
    await this.#settle(reservationIds, () => 0);
  }

  /** A limit below zero is none. */
  async limits(projectId: string, resources: readonly string[]): Promise<Readonly<Record<string, number>>> {
    const { useDefaultQuotaClass, limits: configured } = this.#rules;
    const known = `${this.#session.dialect.anyOf('resource')} and hard_limit is not null and deleted = false`;
    const rows = await this.#session.read<{ resource: string; hard_limit: number; turn: number }>(
      `select resource, hard_limit, 1 as turn from quota_classes where class_name = 'default' and ${known}
       union all select resource, hard_limit, 2 from quotas where project_id = ? and ${known} order by turn`,
      [resources, projectId, resources],
    );
    const limits = new Map(Object.entries(configured).filter(([resource]) => resources.includes(resource)));
    for (const { resource, hard_limit, turn } of rows) {
      if (turn === 2 || useDefaultQuotaClass) limits.set(resource, hard_limit);
    }
    return Object.fromEntries([...limits].filter(([, limit]) => limit >= 0));
  }

  async usage(projectId: string): Promise<Readonly<Record<string, { inUse: number; reserved: number }>>> {
    const rows = await this.#session.read<{ resource: string; in_use: number; reserved: number }>(
      'select resource, in_use, reserved from quota_usages where project_id = ? and deleted = false order by id',
      [projectId],
    );
    return Object.fromEntries(rows.map(({ resource, in_use, reserved }) => [resource, { inUse: in_use, reserved }]));
  }

  /** Our change is in the count. Is somebody else's row there first, then it is not in that one's, and is added. */
  async #count(tx: Session, projectId: string, resource: string, delta: number): Promise<void> {
    const { now, integer, onDuplicate } = tx.dialect;
    const count = countSql(resource, projectId, !this.#rules.noSnapshotGbQuota);
    const added = `in_use = greatest(0, quota_usages.in_use + ${integer})`;
    await tx.write(
      `insert into quota_usages (created_at, deleted, project_id, resource, in_use, reserved, race_preventer)
       values (${now}, false, ?, ?, (${count.sql}), 0, true) ${onDuplicate('project_id, resource, race_preventer', added)}`,
      [projectId, resource, ...count.bindings, delta],
    );
  }

  /** Reservations that are gone already are done already: the statement can be run again. */
  async #settle(reservationIds: readonly string[], toUse: (delta: number) => number): Promise<void> {
    if (reservationIds.length === 0) return;
    await this.#session.atomically(async (tx) => {
      const { anyOf, now } = tx.dialect;
      const reserved = await tx.read<{ usage_id: number; delta: number }>(
        `select r.usage_id, r.delta from reservations r join quota_usages u on u.id = r.usage_id
         where ${anyOf('r.uuid')} and r.deleted = false order by u.id for update`,
        [reservationIds],
      );
      await tx.write(
        `update reservations set deleted = true, deleted_at = ${now} where ${anyOf('uuid')} and deleted = false`,
        [reservationIds],
      );
      await changeUsages(
        tx,
        reserved.map(({ usage_id, delta }) => ({ id: usage_id, inUse: toUse(delta), reserved: Math.max(delta, 0) })),
      );
    });
  }
}

interface UsageChange {
  readonly id: number;
  readonly inUse: number;
  /** What is reserved no more. */
  readonly reserved: number;
}

/** One statement for all rows, which are locked: the rest of the project waits for their commit. */
async function changeUsages(tx: Session, changes: readonly UsageChange[]): Promise<void> {
  if (changes.length === 0) return;
  const { integer, now } = tx.dialect;
  const ids = [...new Set(changes.map(({ id }) => id))];
  const sum = (id: number, of: 'inUse' | 'reserved'): number =>
    changes.filter((change) => change.id === id).reduce((total, change) => total + change[of], 0);
  const byId = `case id ${ids.map(() => `when ? then ${integer}`).join(' ')} end`;
  await tx.write(
    `update quota_usages set in_use = greatest(0, in_use + ${byId}), reserved = greatest(0, reserved - ${byId}),
       updated_at = ${now} where id in (${ids.map(() => '?').join(', ')})`,
    [...ids.flatMap((id) => [id, sum(id, 'inUse')]), ...ids.flatMap((id) => [id, sum(id, 'reserved')]), ...ids],
  );
}
