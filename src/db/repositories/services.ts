import { randomUUID } from 'node:crypto';
import type { Service } from '../../domain/rows.ts';
import type { OwnNames } from '../own-names.ts';
import type { ServiceChanges, ServiceRegistration, ServiceRepository } from '../ports/services.ts';
import type { Session } from '../session.ts';
import { Fence } from './fence.ts';
import { assignments } from './service-changes.ts';
import { smallestVersion } from './smallest-version.ts';

export class Services implements ServiceRepository {
  readonly #session: Session;
  readonly #names: OwnNames;

  constructor(session: Session, names: OwnNames) {
    this.#session = session;
    this.#names = names;
  }

  /** No constraint makes host and binary unique, so those who register under one name take turns at a token of it. */
  register(registration: ServiceRegistration): Promise<{ service: Service; joined: boolean }> {
    return this.#session.atomically(async (tx) => {
      await new Fence(tx, this.#names).mint([`services ${registration.host} ${registration.binary}`]);
      const found = await tx.read<Service>(
        'select * from services where host = ? and "binary" = ? and deleted = false order by id limit 1 for update',
        [registration.host, registration.binary],
      );
      return found[0] === undefined ? insert(tx, registration) : refresh(tx, found[0], registration);
    });
  }

  async beat(id: number, availabilityZone: string): Promise<boolean> {
    const { count } = await this.#session.write(
      `update services set report_count = report_count + 1, updated_at = ${this.#session.dialect.now}, availability_zone = ?
       where id = ? and deleted = false`,
      [availabilityZone, id],
    );
    return count > 0;
  }

  async get(id: number): Promise<Service | null> {
    const rows = await this.#session.read<Service>('select * from services where id = ? and deleted = false', [id]);
    return rows[0] ?? null;
  }

  list(filter: { binary?: string } = {}): Promise<readonly (Service & { readonly age_ms: number })[]> {
    const ofBinary = filter.binary === undefined ? '' : ' and "binary" = ?';
    return this.#session.read(
      `select *, ${this.#session.dialect.ageMs('coalesce(updated_at, created_at)')} as age_ms from services
       where deleted = false${ofBinary} order by id`,
      filter.binary === undefined ? [] : [filter.binary],
    );
  }

  /** A change of `disabled` is no sign of life: it leaves `updated_at` alone and sets `modified_at`. */
  async update(id: number, changes: ServiceChanges): Promise<void> {
    const { sql, bindings } = assignments(changes);
    const when = changes.disabled === undefined ? 'updated_at' : 'modified_at';
    await this.#session.write(
      `update services set ${sql}${when} = ${this.#session.dialect.now}
       where id = ? and deleted = false`,
      [...bindings, id],
    );
  }

  async updateMembers(
    member: { readonly cluster: string; readonly binary: string },
    changes: ServiceChanges & { readonly disabled: boolean },
    expected: { readonly disabled: boolean } | { readonly disabled_reason: string },
  ): Promise<void> {
    const { sql, bindings } = assignments(changes);
    const [column, value] =
      'disabled' in expected ? ['disabled', expected.disabled] : ['disabled_reason', expected.disabled_reason];
    await this.#session.write(
      `update services set ${sql}modified_at = ${this.#session.dialect.now}
       where cluster_name = ? and "binary" = ? and ${column} = ? and deleted = false`,
      [...bindings, member.cluster, member.binary, value],
    );
  }

  async setCluster(id: number, clusterName: string | null): Promise<void> {
    await this.#session.write('update services set cluster_name = ? where id = ? and deleted = false', [
      clusterName,
      id,
    ]);
  }

  async retire(ids: readonly number[]): Promise<void> {
    const { now } = this.#session.dialect;
    for (const id of ids) {
      await this.#session.write(
        `update services set deleted = true, deleted_at = ${now} where id = ? and deleted = false`,
        [id],
      );
    }
  }

  async minimumVersions(binary?: string): Promise<{ rpc: string | null; object: string | null }> {
    const rows = await this.#session.read<{ rpc: string | null; object: string | null }>(
      `select distinct rpc_current_version as rpc, object_current_version as object from services
       where deleted = false${binary === undefined ? '' : ' and "binary" = ?'}`,
      binary === undefined ? [] : [binary],
    );
    return {
      rpc: smallestVersion(rows.map(({ rpc }) => rpc)),
      object: smallestVersion(rows.map(({ object }) => object)),
    };
  }
}

/** The row is read anew, in the transaction that has made or changed it: it has the defaults of the table. */
async function insert(tx: Session, registration: ServiceRegistration): Promise<{ service: Service; joined: boolean }> {
  const uuid = randomUUID();
  await tx.write(
    `insert into services (created_at, deleted, uuid, host, "binary", topic, report_count, disabled, availability_zone,
       rpc_current_version, object_current_version, cluster_name, replication_status, frozen)
     values (${tx.dialect.now}, false, ?, ?, ?, ?, 0, ?, ?, ?, ?, ?, 'not-capable', false)`,
    [
      uuid,
      registration.host,
      registration.binary,
      registration.topic,
      registration.disabledIfNew,
      registration.availabilityZone,
      registration.rpcVersion,
      registration.objectVersion,
      registration.clusterName,
    ],
  );
  const rows = await tx.read<Service>('select * from services where uuid = ?', [uuid]);
  return { service: only(rows), joined: registration.clusterName !== null };
}

async function refresh(
  tx: Session,
  found: Service,
  { rpcVersion, objectVersion, clusterName }: ServiceRegistration,
): Promise<{ service: Service; joined: boolean }> {
  await tx.write(
    `update services set rpc_current_version = ?, object_current_version = ?, updated_at = ${tx.dialect.now},
       cluster_name = coalesce(nullif(cluster_name, ''), ?), uuid = coalesce(uuid, ?)
     where id = ?`,
    [rpcVersion, objectVersion, clusterName, randomUUID(), found.id],
  );
  const rows = await tx.read<Service>('select * from services where id = ?', [found.id]);
  return { service: only(rows), joined: clusterName !== null && (found.cluster_name ?? '') === '' };
}

function only<T>(rows: readonly T[]): T {
  if (rows[0] === undefined) throw new Error('a row that was written in this transaction is not there');
  return rows[0];
}
