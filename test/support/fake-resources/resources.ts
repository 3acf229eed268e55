import type { GlanceOwner, ResourceRepositories } from '../../../src/db/ports/resources.ts';
import { imageCache } from './image-cache.ts';
import { quotas } from './quotas.ts';
import { alive, answer, destroy, update, type Faked } from './rows.ts';
import { CLOCK, type Tables } from './tables.ts';
import { volumes } from './volumes.ts';

export function resources(tables: Tables): Faked<ResourceRepositories> {
  return {
    volumes: volumes(tables),
    snapshots: {
      get: (id) => answer(() => alive(tables.snapshots[id])),
      ofVolume: (volumeId) =>
        answer(() => Object.values(tables.snapshots).filter((row) => row.volume_id === volumeId && !row.deleted)),
      among: (ids) => answer(() => ids.flatMap((id) => alive(tables.snapshots[id]) ?? [])),
      update: (id, changes, expected) => answer(() => update(tables.snapshots, id, changes, expected)),
      destroy: (id) => answer(() => destroy(tables.snapshots, id)),
      metadata: (id) => answer(() => tables.values[`metadata ${id}`] ?? {}),
    },
    volumeTypes: {
      get: (id) => answer(() => tables.volumeTypes[id] ?? null),
      qosSpecs: (id) => answer(() => tables.qosSpecs[id] ?? null),
      encryption: (id) => answer(() => tables.encryption[id] ?? null),
    },
    attachments: attachments(tables),
    backups: {
      get: (id) => answer(() => alive(tables.backups[id])),
      update: (id, changes, expected) => answer(() => update(tables.backups, id, changes, expected)),
    },
    glanceMetadata: {
      of: (owner) => answer(() => tables.values[glanceKey(owner)] ?? {}),
      copy: (from, to) =>
        answer(() => {
          const values = { ...tables.values[glanceKey(from)], ...tables.values[glanceKey(to)] };
          if (Object.keys(values).length > 0) tables.values[glanceKey(to)] = values;
        }),
      remove: (owner) => answer(() => void Reflect.deleteProperty(tables.values, glanceKey(owner))),
      replace: (owner, values) => answer(() => void (tables.values[glanceKey(owner)] = { ...values })),
    },
    imageCache: imageCache(tables),
    quotas: quotas(tables),
    workers: {
      create: (type, id, status) => answer(() => void (tables.workers[`${type} ${id}`] = status)),
      drop: (type, id) => answer(() => void Reflect.deleteProperty(tables.workers, `${type} ${id}`)),
      setStatus: (type, id, status) => answer(() => void (tables.workers[`${type} ${id}`] = status)),
    },
    messages: { create: (message) => answer(() => void tables.messages.push(message)) },
  };
}

function attachments(tables: Tables): Faked<ResourceRepositories>['attachments'] {
  return {
    ofVolume: (id) =>
      answer(() => Object.values(tables.attachments).filter((row) => row.volume_id === id && !row.deleted)),
    get: (id) => answer(() => alive(tables.attachments[id])),
    create: (row) =>
      answer(() => {
        if (tables.attachments[row.id] !== undefined) throw new Error(`attachment ${row.id} is there already`);
        tables.attachments[row.id] = { ...noAttachment, ...row };
      }),
    update: (id, changes) => answer(() => update(tables.attachments, id, changes)),
    destroy: (id) => answer(() => update(tables.attachments, id, { attach_status: 'detached', deleted: true })),
  };
}

const noAttachment = {
  ...{ created_at: CLOCK, updated_at: null, deleted_at: null, deleted: false },
  ...{ instance_uuid: null, attached_host: null, mountpoint: null, attach_time: null, detach_time: null },
  ...{ attach_mode: null, attach_status: null, connection_info: null, connector: null },
};

function glanceKey(owner: GlanceOwner): string {
  return `glance ${'volumeId' in owner ? owner.volumeId : owner.snapshotId}`;
}
