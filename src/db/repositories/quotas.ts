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
      const { rows } = await tx.write<{ resource: string }>(
        `with locked as (
           select id from quota_usages where project_id = ? and resource = any(?::text[]) and deleted = false
           order by id for update)
         update quota_usages u set in_use = greatest(0, u.in_use + d.delta), updated_at = ${nowSql}
         from locked, unnest(?::text[], ?::integer[]) as d (resource, delta)
         where u.id = locked.id and u.resource = d.resource returning u.resource`,
        [projectId, resources, resources, Object.values(deltas)],
      );
      const known = new Set(rows.map(({ resource }) => resource));
      const missing = Object.entries(deltas).filter(([resource]) => !known.has(resource));
      for (const [resource, delta] of missing.toSorted()) await this.#count(tx, projectId, resource, delta);
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

  /** Our change is in the count. Is somebody else's row there first, then it is not in that one's, and is added. */
  async #count(tx: Session, projectId: string, resource: string, delta: number): Promise<void> {
    const count = countSql(resource, projectId, this.#snapshotsTakeGigabytes);
    await tx.write(
      `insert into quota_usages as u (created_at, deleted, project_id, resource, in_use, reserved, race_preventer)
       select ${nowSql}, false, ?::text, ?::text, (${count.sql}), 0, true
       on conflict (project_id, resource, race_preventer) do update set in_use = greatest(0, u.in_use + ?::integer)`,
      [projectId, resource, ...count.bindings, delta],
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
