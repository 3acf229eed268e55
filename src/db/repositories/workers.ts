import type { WorkedOn, WorkerClaim } from '../ports/custody.ts';
import type { WorkerRepository, WorkerRow } from '../ports/resources.ts';
import type { Session } from '../session.ts';

const select = 'select id, resource_type, resource_id, status, service_id, updated_at, race_preventer from workers';

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

  async find(resourceType: string, resourceId: string): Promise<WorkerRow | null> {
    const rows = await this.#session.read<WorkerRow>(`${select} where resource_type = ? and resource_id = ?`, [
      resourceType,
      resourceId,
    ]);
    return rows[0] ?? null;
  }

  async dropStale({ id, race_preventer }: WorkerRow): Promise<void> {
    await this.#session.write('delete from workers where id = ? and race_preventer = ?', [id, race_preventer]);
  }

  ofService(serviceId: number): Promise<readonly WorkerRow[]> {
    return this.#session.read<WorkerRow>(`${select} where service_id = ? order by id`, [serviceId]);
  }

  async hand(ids: readonly number[], to: number): Promise<void> {
    const { now } = this.#session.dialect;
    for (const id of ids) {
      await this.#session.write(
        `update workers set service_id = ?, race_preventer = race_preventer + 1, updated_at = ${now} where id = ?`,
        [to, id],
      );
    }
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
