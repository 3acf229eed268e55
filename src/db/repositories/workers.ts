import { nowSql } from '../dialect.ts';
import type { WorkerRepository, WorkerRow } from '../ports/resources.ts';
import type { Session } from '../session.ts';

/** Upstream's table of who works on what; its protocol compares `race_preventer` and `updated_at`. */
export class Workers implements WorkerRepository {
  readonly #session: Session;

  constructor(session: Session) {
    this.#session = session;
  }

  async create(resourceType: string, resourceId: string, status: string): Promise<void> {
    await this.#session.write(
      `insert into workers (created_at, updated_at, deleted, resource_type, resource_id, status, race_preventer)
       values (${nowSql}, ${nowSql}, false, ?, ?, ?, 0)
       on conflict (resource_type, resource_id) do update set service_id = null, status = excluded.status,
         race_preventer = workers.race_preventer + 1, updated_at = excluded.updated_at`,
      [resourceType, resourceId, status],
    );
  }

  async drop(resourceType: string, resourceId: string): Promise<void> {
    await this.#session.write('delete from workers where resource_type = ? and resource_id = ?', [
      resourceType,
      resourceId,
    ]);
  }

  async setStatus(resourceType: string, resourceId: string, status: string): Promise<void> {
    await this.#session.write(
      `update workers set status = ?, race_preventer = race_preventer + 1, updated_at = ${nowSql}
       where resource_type = ? and resource_id = ?`,
      [status, resourceType, resourceId],
    );
  }

  async dropStale({ id, race_preventer }: WorkerRow): Promise<void> {
    await this.#session.write('delete from workers where id = ? and race_preventer = ?', [id, race_preventer]);
  }

  ofService(serviceId: number): Promise<readonly WorkerRow[]> {
    return this.#session.read<WorkerRow>(
      `select id, resource_type, resource_id, status, service_id, updated_at, race_preventer
       from workers where service_id = ? order by id`,
      [serviceId],
    );
  }
}
