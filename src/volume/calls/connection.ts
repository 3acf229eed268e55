import type { Json, JsonObject } from '../../domain/json.ts';
import type { Volume } from '../../domain/rows.ts';
import type { ConnectionInfo } from '../../drivers/volume-driver.ts';
import { attachedMode } from '../attachments.ts';
import type { CallScope } from '../call-custody.ts';
import { backendError, byDriver } from './call-parts.ts';
import type { OperationPorts } from '../operation.ts';
import { splitUpdate } from '../row-moves.ts';

/*
 * What a host is told of a volume: what the driver says, and what row and type of the volume add to it. For
 * initialize_connection and attachment_update.
 */

export async function connect(
  volume: Volume,
  connector: JsonObject,
  scope: CallScope,
  ports: OperationPorts,
): Promise<ConnectionInfo> {
  const { connection } = ports.backend.driver;
  const { info, update } = await byDriver(
    (error) => backendError(`Driver initialize connection failed (error: ${error}).`),
    () => connection.connect(volume, connector, scope.work),
  );
  const { columns, adminMetadata } = splitUpdate(update);
  if (Object.keys(columns).length + Object.keys(adminMetadata).length > 0) {
    await scope.save(async (db) => {
      if (Object.keys(columns).length > 0) await db.volumes.update(volume.id, columns);
      await db.volumes.mergeMetadata(volume.id, 'admin_metadata', adminMetadata);
    });
  }
  return { ...info, data: { ...(await optionsOf(volume, ports)), ...info.data } };
}

/** The driver's own word stands, where it has one. */
async function optionsOf(volume: Volume, { db }: OperationPorts): Promise<JsonObject> {
  const metadata = await db.volumes.metadata(volume.id, 'admin_metadata');
  const typeId = volume.volume_type_id;
  const type = typeId === null ? null : await db.volumeTypes.get(typeId);
  return {
    qos_specs: typeId === null ? null : frontEndSpecs(await db.volumeTypes.qosSpecs(typeId), volume.size ?? 0),
    access_mode: metadata[attachedMode] ?? (metadata['readonly'] === 'True' ? 'ro' : 'rw'),
    encrypted: volume.encryption_key_id !== null,
    ...(type !== null && { cacheable: type.extra_specs['cacheable'] === '<is> True' }),
  };
}

const tunable = ['read_iops', 'read_bytes', 'write_iops', 'write_bytes', 'total_iops', 'total_bytes'] as const;

/** What the host is to enforce, limits per GiB worked out for this volume; null: nothing. */
function frontEndSpecs(specs: Readonly<Record<string, string | null>> | null, sizeGb: number): Json {
  if (specs === null || !['front-end', 'both'].includes(specs['consumer'] ?? '')) return null;
  const result = new Map<string, Json>(Object.entries(specs).filter(([key]) => !reserved.has(key)));
  for (const limit of tunable.map((name) => `${name}_sec`)) {
    const perGb = specs[`${limit}_per_gb`];
    if (perGb === undefined) continue;
    const wanted = Math.max(integer(specs[`${limit}_per_gb_min`], 0), integer(perGb, 0) * sizeGb);
    result.set(limit, Math.min(wanted, integer(specs[`${limit}_max`], wanted)));
    for (const used of [`${limit}_per_gb`, `${limit}_per_gb_min`, `${limit}_max`]) result.delete(used);
  }
  return Object.fromEntries(result);
}

/** Keys of the specs' rows that are none of the specs. */
const reserved = new Set(['consumer', 'QoS_Specs_Name']);

function integer(text: string | null | undefined, otherwise: number): number {
  const value = Number(text ?? '');
  return text === null || text === undefined || !Number.isSafeInteger(value) ? otherwise : value;
}
