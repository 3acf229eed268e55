import { nowSql } from '../dialect.ts';
import type { QuotaRepository } from '../ports/resources.ts';
import type { Session } from '../session.ts';
import { countSql } from './quota-count.ts';

export class Quotas implements QuotaRepository {
  readonly #session: Session;
  readonly #snapshotsTakeGigabytes: boolean;

  constructor(session: Session, snapshotsTakeGigabytes: boolean) {
    this.#session = session;
    this.#snapshotsTakeGigabytes = snapshotsTakeGigabytes;
  }

  /** Rows are locked in the order of their ids, as upstream does it: two of us, or we and the API, wait in line. */
  async adjust(projectId: string, deltas: Readonly<Record<string, number>>): Promise<void> {
    const resources = Object.keys(deltas);
    if (resources.length === 0) return;
    await this.#session.atomically(async (tx) => {
      const locked = await lockUsages(tx, projectId, resources);
      const missing = resources.filter((resource) => !locked.has(resource));
      for (const resource of missing.toSorted()) await this.#count(tx, projectId, resource);
      await tx.write(
        `update quota_usages u set in_use = greatest(0, u.in_use + d.delta), updated_at = ${nowSql}
         from unnest(?::text[], ?::integer[]) as d (resource, delta)
         where u.project_id = ? and u.resource = d.resource and u.deleted = false`,
        [resources, Object.values(deltas), projectId],
      );
    });
  }

  async commit(reservationIds: readonly string[]): Promise<void> {
    await this.#settle(reservationIds, 'in_use = u.in_use + d.total, ');
  }

  async rollback(reservationIds: readonly string[]): Promise<void> {
    await this.#settle(reservationIds, '');
  }

  async usage(projectId: string): Promise<Readonly<Record<string, { inUse: number; reserved: number }>>> {
    const rows = await this.#session.read<{ resource: string; in_use: number; reserved: number }>(
      'select resource, in_use, reserved from quota_usages where project_id = ? and deleted = false order by id',
      [projectId],
    );
    return Object.fromEntries(rows.map(({ resource, in_use, reserved }) => [resource, { inUse: in_use, reserved }]));
  }

  /** Somebody else may make the row at the same time: the table lets one of us do it, with the same count. */
  async #count(tx: Session, projectId: string, resource: string): Promise<void> {
    const count = countSql(resource, projectId, this.#snapshotsTakeGigabytes);
    await tx.write(
      `insert into quota_usages (created_at, deleted, project_id, resource, in_use, reserved, race_preventer)
       select ${nowSql}, false, ?::text, ?::text, (${count.sql}), 0, true
       on conflict (project_id, resource, race_preventer) do nothing`,
      [projectId, resource, ...count.bindings],
    );
  }

  /** Reservations that are gone already are done already: the statement can be run again. */
  async #settle(reservationIds: readonly string[], inUse: string): Promise<void> {
    if (reservationIds.length === 0) return;
    await this.#session.atomically(async (tx) => {
      await tx.read(
        `select id from quota_usages where id in (
           select usage_id from reservations where uuid = any(?::text[]) and deleted = false)
         order by id for update`,
        [reservationIds],
      );
      await tx.write(
        `with ended as (
           update reservations set deleted = true, deleted_at = ${nowSql}
           where uuid = any(?::text[]) and deleted = false returning usage_id, delta),
         d as (select usage_id, sum(delta)::integer as total, sum(greatest(delta, 0))::integer as held
           from ended group by usage_id)
         update quota_usages u set ${inUse}reserved = greatest(0, u.reserved - d.held), updated_at = ${nowSql}
         from d where u.id = d.usage_id`,
        [reservationIds],
      );
    });
  }
}

async function lockUsages(tx: Session, projectId: string, resources: readonly string[]): Promise<Set<string>> {
  const rows = await tx.read<{ resource: string }>(
    `select resource from quota_usages where project_id = ? and resource = any(?::text[]) and deleted = false
     order by id for update`,
    [projectId, resources],
  );
  return new Set(rows.map(({ resource }) => resource));
}
