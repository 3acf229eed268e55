import type { WorkedOn, WorkerClaim } from '../ports/custody.ts';
import type { WorkerRepository, WorkerRow } from '../ports/resources.ts';
import type { Session } from '../session.ts';

/** Upstream's table of who works on what; its protocol compares `race_preventer` and `updated_at`. */
export class Workers implements WorkerRepository {
  readonly #session: Session;

  constructor(session: Session) {
    this.#session = session;
  }

  create(resourceType: string, resourceId: string, status: string): Promise<void> {
    return claimWorker(this.#session, { resourceType, resourceId, status, serviceId: null });
  }

  drop(resourceType: string, resourceId: string): Promise<void> {
    return dropWorker(this.#session, { resourceType, resourceId });
  }

  async setStatus(resourceType: string, resourceId: string, status: string): Promise<void> {
    await this.#session.write(
      `update workers set status = ?, race_preventer = race_preventer + 1, updated_at = ${this.#session.dialect.now}
       where resource_type = ? and resource_id = ?`,
      [status, resourceType, resourceId],
    );
  }

  async has(resourceType: string, resourceId: string): Promise<boolean> {
    const rows = await this.#session.read('select 1 from workers where resource_type = ? and resource_id = ?', [
      resourceType,
      resourceId,
    ]);
    return rows.length > 0;
  }

  async dropStale({ id, race_preventer }: WorkerRow): Promise<void> {
    await this.#session.write('delete from workers where id = ? and race_preventer = ?', [id, race_preventer]);
  }

  async countOf(serviceIds: readonly number[]): Promise<number> {
    let count = 0;
    for (const id of serviceIds) count += (await this.ofService(id)).length;
    return count;
  }

  async hand(from: readonly number[], to: number): Promise<void> {
    const { now } = this.#session.dialect;
    for (const id of from) {
      await this.#session.write(
        `update workers set service_id = ?, race_preventer = race_preventer + 1, updated_at = ${now}
         where service_id = ?`,
        [to, id],
      );
    }
  }

  ofService(serviceId: number): Promise<readonly WorkerRow[]> {
    return this.#session.read<WorkerRow>(
      `select id, resource_type, resource_id, status, service_id, updated_at, race_preventer
       from workers where service_id = ? order by id`,
      [serviceId],
    );
  }
}

/** As upstream's `set_worker` leaves the row: ours whoever had it, and a predecessor's comparison fails. */
export async function claimWorker(
  session: Session,
  { resourceType, resourceId, status, serviceId }: Omit<WorkerClaim, 'serviceId'> & { serviceId: number | null },
): Promise<void> {
  const { now, onDuplicate, proposed } = session.dialect;
  const taken = `service_id = ${proposed('service_id')}, status = ${proposed('status')},
         race_preventer = workers.race_preventer + 1, updated_at = ${proposed('updated_at')}`;
  await session.write(
    `insert into workers
       (created_at, updated_at, deleted, resource_type, resource_id, status, service_id, race_preventer)
     values (${now}, ${now}, false, ?, ?, ?, ?, 0) ${onDuplicate('resource_type, resource_id', taken)}`,
    [resourceType, resourceId, status, serviceId],
  );
}

export async function dropWorker(session: Session, { resourceType, resourceId }: WorkedOn): Promise<void> {
  await session.write('delete from workers where resource_type = ? and resource_id = ?', [resourceType, resourceId]);
}
