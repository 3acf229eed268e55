import type { OutboxMessage } from '../../../../src/db/ports/custody.ts';
import type { Json, JsonObject } from '../../../../src/domain/json.ts';
import type { Volume } from '../../../../src/domain/rows.ts';
import { PeerRefusal, queueOf, type Peers } from '../../../../src/volume/peers.ts';
import type { FakeResources } from '../../../support/fake-resources.ts';
import type { Tables } from '../../../support/fake-resources/tables.ts';
import { elsewhere, type FakeDriver } from './fake-driver.ts';

export const OTHER_SHARE = 'other:/share';

/** What the other backend's service does with a target. */
export type Making = 'makes' | 'fails' | 'is away';

/** Another backend's service, which makes targets and takes volumes over as Python's NFS driver does. */
export class FakePeers implements Peers {
  readonly #db: FakeResources;
  readonly #driver: FakeDriver;
  readonly calls: string[] = [];
  /** What a method throws, after it did what it does, or (`before`) without having done it. */
  readonly fails = new Map<string, { readonly error: Error; readonly before?: boolean; readonly once?: boolean }>();
  making: Making = 'makes';
  /** Ends after it has renamed the file and before it has written the rows. */
  diesBetween = false;
  hook: (name: string, when: 'before' | 'after') => void = () => undefined;

  constructor(db: FakeResources, driver: FakeDriver) {
    this.#db = db;
    this.#driver = driver;
    db.onMessage = (tables, message) => this.#onMessage(tables, message);
  }

  async call(of: Pick<Volume, 'host' | 'cluster_name'>, method: string, args: JsonObject): Promise<Json> {
    await Promise.resolve();
    this.calls.push(`${method} ${queueOf(of).topic}`);
    const failure = this.fails.get(method);
    if (failure?.once === true) this.fails.delete(method);
    if (failure?.before === true) throw failure.error;
    const answer = this.#do(method, args);
    if (failure !== undefined) throw failure.error;
    return answer;
  }

  #do(method: string, args: JsonObject): Json {
    if (method === 'initialize_connection') return { driver_volume_type: 'nfs', data: { export: OTHER_SHARE } };
    if (method !== 'update_migrated_volume') return null;
    this.hook('peers.update_migrated_volume', 'before');
    this.#takeOver(id(args['volume']), id(args['new_volume']), args['volume_status'] === 'available');
    this.hook('peers.update_migrated_volume', 'after');
    return null;
  }

  #takeOver(volumeId: string, targetId: string, rename: boolean): void {
    const { files } = this.#driver;
    const [volume, target] = [this.#db.tables.volumes[volumeId], this.#db.tables.volumes[targetId]];
    if (volume === undefined || target === undefined) throw new PeerRefusal('VolumeNotFound');
    if (rename) {
      const content = files.get(elsewhere(targetId));
      if (content === undefined) throw new PeerRefusal('no such file');
      files.set(elsewhere(volumeId), content);
      files.delete(elsewhere(targetId));
    }
    if (this.diesBetween) throw new PeerRefusal('the database is away');
    const { provider_location, _name_id } = volume;
    const here = { provider_location: target.provider_location, _name_id: rename ? null : targetId };
    this.#db.tables.volumes[volumeId] = { ...volume, ...here };
    this.#db.tables.volumes[targetId] = { ...target, provider_location, _name_id };
  }

  #onMessage(tables: Tables, { topic, payload }: OutboxMessage): void {
    const { args } = payload as { readonly args?: JsonObject };
    if (!topic.endsWith('.create_volume') || !topic.startsWith('cinder-volume.') || args === undefined) return;
    const row = tables.volumes[id(args['volume'])];
    if (row === undefined || this.making === 'is away') return;
    if (this.making === 'fails') {
      tables.volumes[row.id] = { ...row, status: 'error' };
      return;
    }
    tables.volumes[row.id] = { ...row, status: 'available', provider_location: OTHER_SHARE, service_uuid: 'other' };
    tables.values[`admin_metadata ${row.id}`] = { ...tables.values[`admin_metadata ${row.id}`], format: 'qcow2' };
    this.#driver.files.set(elsewhere(row.id), 'empty');
    Reflect.deleteProperty(tables.workers, `Volume ${row.id}`);
  }
}

function id(object: Json | undefined): string {
  return (object as { readonly id: string }).id;
}
