import { randomUUID } from 'node:crypto';
import type { Database } from '../../../src/db/database.ts';
import type { NewEntry, NewIncarnation, OutboxMessage } from '../../../src/db/ports/custody.ts';
import type { ServiceRegistration } from '../../../src/db/ports/services.ts';
import type { Volume } from '../../../src/domain/rows.ts';

/** A volume as the database answers it. */
export async function createVolume({ volumes }: Pick<Database, 'volumes'>, row: Partial<Volume> = {}): Promise<Volume> {
  const id = row.id ?? randomUUID();
  await volumes.create({ id, status: 'creating', size: 1, host: 'h@nfs#p', project_id: 'p', ...row });
  const made = await volumes.get(id);
  if (made === null) throw new Error('no volume');
  return made;
}

export function newEntry(change: Partial<NewEntry> = {}): NewEntry {
  return {
    uniqueId: randomUUID(),
    method: 'create_volume',
    version: '3.16',
    backend: 'host@nfs',
    args: { volume: { id: 'x' } },
    context: { request_id: 'req-1' },
    resourceType: 'Volume',
    resourceId: randomUUID(),
    origin: 'message',
    ...change,
  };
}

export function newMessage(uniqueId: string): OutboxMessage {
  const payload = { method: 'x', args: {} };
  return { uniqueId, kind: 'cast', topic: 'cinder-scheduler', server: null, payload };
}

export function newIncarnation(id: string): NewIncarnation {
  return { id, host: 'node', pid: 1, version: '1', serves: ['h@b', 'c@b'] };
}

/** Of a service of a cluster, where one is given. */
export function newRegistration(clusterName: string | null = null): ServiceRegistration {
  const service = { host: 'h@nfs', binary: 'cinder-volume', topic: 'cinder-volume', availabilityZone: 'nova' };
  return { ...service, rpcVersion: '3.18', objectVersion: '1.39', clusterName, disabledIfNew: false };
}
