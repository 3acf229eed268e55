import { randomUUID } from 'node:crypto';
import { queueOf } from '../../src/cli/drive/target.ts';
import type { JsonObject } from '../../src/domain/json.ts';
import type { Volume } from '../../src/domain/rows.ts';
import { InvalidInputError, messageOf } from '../../src/kernel/errors.ts';
import { lastBlock, places } from './guest.ts';
import { isIdle, type KnownSnapshot, type KnownVolume } from './known.ts';
import type { End } from './row-watcher.ts';
import { charge, leavingVolume, snapshotRow, there } from './rows.ts';
import type { Request, UsersOptions } from './users.ts';

const connector = { host: 'compute', ip: '127.0.0.1', multipath: false };

/** More than a call needs that a dead replica held, and the next one after it. */
const callTimeoutMs = 120_000;

/** What users ask for besides making and deleting: changes of a volume as a whole, and what takes several volumes. */
export class Changes {
  readonly #options: UsersOptions;
  readonly #perform: (request: Request) => Promise<End['kind'] | 'refused'>;

  constructor(options: UsersOptions, perform: (request: Request) => Promise<End['kind'] | 'refused'>) {
    this.#options = options;
    this.#perform = perform;
  }

  async act(volume: KnownVolume): Promise<void> {
    const dice = this.#options.random.number();
    if (dice < 0.25) return this.#connect(volume);
    if (dice < 0.4) return this.#alone(volume, () => this.#extend(volume));
    if (dice < 0.6) return this.#alone(volume, () => this.#revert(volume));
    if (dice < 0.75) return this.#alone(volume, () => this.#attach(volume));
    return dice < 0.9 ? this.#groupSnapshot(volume) : this.#arrive();
  }

  async #alone(volume: KnownVolume, change: () => Promise<void>): Promise<void> {
    if (!isIdle(volume)) return;
    volume.busy = true;
    try {
      await change();
    } finally {
      volume.busy = false;
    }
  }

  async #extend(volume: KnownVolume): Promise<void> {
    const { id } = volume;
    const sizeGb = volume.sizeGb + 1;
    const send = async (): Promise<void> => {
      await this.#take(id, { status: 'extending', previous_status: 'available' });
      await charge(this.#options, { gigabytes: 1 });
      await this.#cast('extend_volume', { volume: { id }, new_size: sizeGb, reservations: [] });
    };
    const end = await this.#perform({ what: 'extend', table: 'volumes', id, goal: 'available', send });
    if (end === 'reached') volume.sizeGb = sizeGb;
  }

  /** To its latest snapshot, as the API allows it. */
  async #revert(volume: KnownVolume): Promise<void> {
    const { id } = volume;
    const snapshot = await this.#latest(volume);
    if (snapshot === undefined || snapshot.sizeGb !== volume.sizeGb) return;
    const send = async (): Promise<void> => {
      await this.#take(id, { status: 'reverting' });
      const { snapshots } = this.#options.drive.db;
      if ((await snapshots.update(snapshot.id, { status: 'restoring' }, { status: 'available' })) === 0) {
        throw new Error(`snapshot ${snapshot.id} was not available`);
      }
      await this.#cast('revert_to_snapshot', { volume: { id }, snapshot: { id: snapshot.id } });
    };
    const about = [snapshot.id];
    const end = await this.#perform({ what: 'revert', table: 'volumes', id, goal: 'available', about, send });
    if (end === 'reached') volume.content = new Map([[places.second, 0], ...snapshot.content]);
  }

  async #latest({ id, snapshots }: KnownVolume): Promise<KnownSnapshot | undefined> {
    const rows = await this.#options.drive.db.snapshots.ofVolume(id);
    const at = (text: string | null): string => text ?? '';
    const [latest] = [...rows].sort((a, b) => (at(a.created_at) < at(b.created_at) ? 1 : -1));
    // Two that were asked for at the same time may have been made in the other order: then the driver refuses.
    const isTop = latest !== undefined && (await this.#options.guest.isLatest(latest.id, id));
    return isTop ? [...snapshots].find((one) => one.id === latest.id && !one.doomed) : undefined;
  }

  /** A host asks how to reach the volume, whatever else is done with it, and then needs it no more. */
  async #connect(volume: KnownVolume): Promise<void> {
    const { id } = volume;
    await this.#call('initialize_connection', { volume: { id }, connector }, volume);
    if (!volume.doomed) await this.#call('terminate_connection', { volume_id: id, connector, force: false }, volume);
  }

  /** As the API does it: reserved, connected, given up. */
  async #attach(volume: KnownVolume): Promise<void> {
    const { id } = volume;
    const { db } = this.#options.drive;
    const attachment_id = randomUUID();
    await this.#take(id, { status: 'reserved', attach_status: 'reserved' });
    await db.attachments.create({ id: attachment_id, volume_id: id, attach_status: 'reserved' });
    await this.#call('attachment_update', { vref: { id }, connector, attachment_id }, volume);
    await this.#call('attachment_delete', { attachment_id, vref: { id } }, volume);
    await db.attachments.destroy(attachment_id);
    await db.volumes.update(id, { status: 'available', attach_status: 'detached' });
  }

  /** Of this volume and another one, in one request. */
  async #groupSnapshot(first: KnownVolume): Promise<void> {
    const { known, random, drive, target } = this.#options;
    const second = random.pick(known.volumes.filter((one) => one !== first && one.snapshots.size < 6));
    if (second === undefined || first.snapshots.size >= 6 || first.making + second.making > 0) return;
    const members = [first, second];
    for (const volume of members) volume.making += 1;
    const [group, id] = [randomUUID(), randomUUID()];
    const project_id = drive.owner.projectId;
    const made = new Map<string, KnownVolume>();
    const send = async (): Promise<void> => {
      const place = { host: target.host, cluster_name: target.clusterName };
      await drive.db.groups.create({ id: group, project_id, status: 'available', ...place });
      for (const volume of members) await this.#take(volume.id, { group_id: group });
      await drive.db.groupSnapshots.create({ id, group_id: group, status: 'creating', project_id });
      for (const volume of members) {
        made.set(
          await snapshotRow(this.#options, volume.id, { group_snapshot_id: id, volume_size: volume.sizeGb }),
          volume,
        );
      }
      await this.#cast('create_group_snapshot', { group_snapshot: { id, group_id: group } });
    };
    await this.#groupEnd(send, { id, members, made });
    for (const volume of members) {
      await drive.db.volumes.update(volume.id, { group_id: null });
      volume.making -= 1;
    }
  }

  async #groupEnd(
    send: () => Promise<void>,
    { id, members, made }: { id: string; members: readonly KnownVolume[]; made: ReadonlyMap<string, KnownVolume> },
  ): Promise<void> {
    const { known, onWrong } = this.#options;
    const about = members.map((volume) => volume.id);
    const request = { what: 'snapshot of a group', table: 'group_snapshots', id, goal: 'available', about } as const;
    if ((await this.#perform({ ...request, send })) !== 'reached') return;
    for (const [snapshot, volume] of made) {
      const row = await this.#options.drive.db.snapshots.get(snapshot);
      if (row?.status === 'available') known.addSnapshot(snapshot, volume);
      else onWrong(`is ${row?.status ?? 'gone'}, and its group snapshot is available`, snapshot);
    }
  }

  /** A volume comes from another backend. */
  async #arrive(): Promise<void> {
    const { known, random, drive, target, type, leavingShare, onWrong } = this.#options;
    const content = new Map([places.first, lastBlock(1)].map((place) => [place, random.between(1, 255)]));
    const id = await leavingVolume(this.#options, leavingShare, content);
    const send = async (): Promise<void> => {
      await this.#take(id, { status: 'retyping', previous_status: 'available' });
      const host = { host: target.host, cluster_name: target.clusterName, capabilities: {} };
      const how = { migration_policy: 'on-demand', reservations: [], old_reservations: [] };
      await this.#cast('retype', { volume: { id }, new_type_id: type.id, host, ...how }, there);
    };
    const end = await this.#perform({ what: 'migrate', table: 'volumes', id, goal: 'available', send });
    if (end !== 'reached') return;
    const row = await drive.db.volumes.get(id);
    if (row?.migration_status === 'success') known.add(id, 1, content);
    else onWrong(`was not migrated: ${String(row?.migration_status)}`, id);
  }

  /** @throws InvalidInputError where it is not available, as the API would say */
  async #take(id: string, changes: Parameters<UsersOptions['drive']['db']['volumes']['update']>[1]): Promise<void> {
    const changed = await this.#options.drive.db.volumes.update(id, changes, { status: 'available' });
    if (changed === 0) throw new InvalidInputError(`volume ${id}`, 'is not available');
  }

  #cast(method: string, args: JsonObject, to: Pick<Volume, 'host' | 'cluster_name'> = this.#here): Promise<void> {
    return this.#options.rpc.cast(queueOf(to), method, '3.0', args, AbortSignal.timeout(60_000));
  }

  /** An answer that does not come, or is an error, is wrong unless the volume was to go. */
  async #call(method: string, args: JsonObject, volume: KnownVolume): Promise<void> {
    const { history, onWrong, rpc } = this.#options;
    const { id } = volume;
    history.add('sent', `${method} ${id}`, [id]);
    const options = { timeoutMs: callTimeoutMs, signal: AbortSignal.timeout(callTimeoutMs + 1_000) };
    try {
      await rpc.call(queueOf(this.#here), method, '3.0', args, options);
      history.add('ended', `${method} ${id}: answered`, [id]);
    } catch (error) {
      history.add('ended', `${method} ${id}: ${messageOf(error)}`, [id]);
      if (!volume.doomed) onWrong(`${method}: ${messageOf(error)}`, id);
    }
  }

  get #here(): Pick<Volume, 'host' | 'cluster_name'> {
    return { host: this.#options.target.host, cluster_name: this.#options.target.clusterName };
  }
}
