import type { Json, JsonObject } from '../domain/json.ts';
import type { Volume, VolumeAttachment } from '../domain/rows.ts';

/** Rows as the versioned objects that Python callers expect, in the wire's form. `app/` makes it from the rpc room. */
export interface WireObjects {
  volume(volume: Volume): Json;
  attachment(attachment: VolumeAttachment, volume: Volume): Json;
  /** `ManageableVolume` or `ManageableSnapshot`. */
  manageable(kind: 'Volume' | 'Snapshot', entry: JsonObject): Json;
  backupDevice(volume: Volume, secureEnabled: boolean): Json;
}
