import { randomUUID } from 'node:crypto';
import type { Drive } from '../../src/cli/drive/open-drive.ts';
import type { NewVolume } from '../../src/cli/drive/requests.ts';
import type { Target } from '../../src/cli/drive/target.ts';
import type { VolumeType } from '../../src/domain/rows.ts';
import type { RpcCaller } from '../../src/rpc/notifier.ts';
import { InvalidInputError } from '../../src/kernel/errors.ts';
import { Changes } from './changes.ts';
import { lastBlock, places, type Guest } from './guest.ts';
import type { History } from './history.ts';
import type { Known, KnownSnapshot, KnownVolume } from './known.ts';
import type { Random } from './random.ts';
import type { End, Goal, RowWatcher, WatchedTable } from './row-watcher.ts';

export interface UsersOptions {
  readonly drive: Drive;
  readonly rpc: RpcCaller;
  readonly target: Target;
  readonly type: VolumeType;
  /** Of the backend that volumes leave. */
  readonly leavingShare: string;
  readonly watcher: RowWatcher;
  readonly known: Known;
  readonly guest: Guest;
  readonly history: History;
  readonly random: Random;
  /** How long a request may take until its end, every fault on its way included. */
  readonly timeoutMs: number;
  /** A request that did not come to its right end. */
  readonly onWrong: (problem: string, id: string) => void;
}

/** About so many volumes are there at a time: enough to choose from, few enough for much to meet on each. */
const manyVolumes = 24;

export interface Request {
  readonly what: string;
  readonly table: WatchedTable;
  readonly id: string;
  readonly goal: Goal;
  /** Other resources that it is about. */
  readonly about?: readonly string[];
  readonly send: () => Promise<unknown>;
  /** Whether it may end in an error, because something that it needs was deleted meanwhile. */
  readonly mayFail?: () => boolean;
}

/** What users do, all at the same time and much of it on the same volumes. */
export class Users {
  readonly #options: UsersOptions;
  readonly #changes: Changes;
  readonly tookMs: number[] = [];

  constructor(options: UsersOptions) {
    this.#options = options;
    this.#changes = new Changes(options, (request) => this.#perform(request));
  }

  /** Resolves when every request that was sent until `signal` aborted has ended, well or not. */
  async run(count: number, signal: AbortSignal): Promise<void> {
    const user = async (): Promise<void> => {
      while (!signal.aborted) await this.#act();
    };
    await Promise.all(Array.from({ length: count }, user));
  }

  async #act(): Promise<void> {
    const { known, random } = this.#options;
    const [volume, snapshot] = [random.pick(known.volumes), random.pick(known.snapshots)];
    const crowded = known.volumes.length >= manyVolumes;
    if (volume === undefined || (!crowded && random.chance(0.25))) return this.#fresh();
    if (random.chance(0.25)) return this.#changes.act(volume);
    const dice = random.number();
    if (dice < 0.25 && !crowded) return this.#copy(volume, undefined);
    if (dice < 0.4 && !crowded && snapshot !== undefined) return this.#copy(snapshot.volume, snapshot);
    if (dice < 0.65 && volume.snapshots.size < 6) return this.#snapshot(volume);
    if (dice < 0.85 && snapshot !== undefined) return this.#deleteSnapshot(snapshot);
    return this.#deleteVolume(volume);
  }

  /** A new volume with data of its own, and often a snapshot of an earlier state; only then others know of it. */
  async #fresh(): Promise<void> {
    const { random, guest, known } = this.#options;
    const sizeGb = random.between(1, 2);
    const withSnapshot = random.chance(0.5);
    const id = await this.#create({ sizeGb });
    if (id === undefined) return;
    let content = await guest.write(id, new Map(), [places.first, lastBlock(sizeGb)]);
    if (!withSnapshot) return void known.add(id, sizeGb, content);
    const snapshotId = await this.#makeSnapshot(id);
    const before = content;
    content = await guest.write(id, content, [places.second]);
    const volume = known.add(id, sizeGb, content);
    if (snapshotId !== undefined) known.addSnapshot(snapshotId, volume, before);
  }

  async #copy(volume: KnownVolume, snapshot: KnownSnapshot | undefined): Promise<void> {
    const { known, random } = this.#options;
    const sizeGb = volume.sizeGb + (random.chance(0.3) ? 1 : 0);
    const source: KnownVolume | KnownSnapshot = snapshot ?? volume;
    source.readers += 1;
    const from = snapshot === undefined ? { volumeId: volume.id } : { snapshotId: snapshot.id };
    const id = await this.#create({ sizeGb, from }, source);
    source.readers -= 1;
    if (id !== undefined) known.add(id, sizeGb, source.content);
  }

  async #snapshot(volume: KnownVolume): Promise<void> {
    volume.making += 1;
    const id = await this.#makeSnapshot(volume.id);
    if (id !== undefined) this.#options.known.addSnapshot(id, volume);
    volume.making -= 1;
  }

  async #deleteSnapshot(snapshot: KnownSnapshot): Promise<void> {
    // Mostly one that nobody reads; sometimes the two requests meet.
    if (snapshot.readers > 0 && this.#options.random.chance(0.7)) return;
    snapshot.doomed = true;
    const { id, volume } = snapshot;
    const { requests } = this.#options.drive;
    const request = { what: 'delete snapshot', table: 'snapshots', id, goal: 'gone', about: [volume.id] } as const;
    volume.unmaking += 1;
    const end = await this.#perform({ ...request, send: () => requests.deleteSnapshot(id) });
    volume.unmaking -= 1;
    if (end === 'refused') snapshot.doomed = false;
    else volume.snapshots.delete(snapshot);
  }

  async #deleteVolume(volume: KnownVolume): Promise<void> {
    const { drive, known, random } = this.#options;
    const cascade = volume.snapshots.size > 0;
    if (volume.making > 0 || (volume.readers > 0 && random.chance(0.7))) return;
    if (cascade && random.chance(0.6)) return;
    const doomed = [volume, ...volume.snapshots].filter((one) => !one.doomed);
    for (const one of doomed) one.doomed = true;
    const send = (): Promise<void> => drive.requests.deleteVolume(volume.id, { cascade });
    const what = cascade ? 'delete volume with snapshots' : 'delete volume';
    const end = await this.#perform({ what, table: 'volumes', id: volume.id, goal: 'gone', send });
    if (end === 'refused') for (const one of doomed) one.doomed = false;
    else known.remove(volume);
  }

  /** Undefined: it came to nothing, as may be where its source was deleted meanwhile. */
  async #create(
    wanted: Omit<NewVolume, 'name' | 'id'>,
    source?: KnownVolume | KnownSnapshot,
  ): Promise<string | undefined> {
    const { drive, target, type } = this.#options;
    const id = randomUUID();
    const isGone = (): boolean => source?.doomed === true;
    const send = (): Promise<string> => drive.requests.createVolume({ ...wanted, id, name: 'chaos' }, target, type);
    const about = source === undefined ? [] : [source.id];
    const what = wanted.from === undefined ? 'create' : 'volumeId' in wanted.from ? 'clone' : 'create from snapshot';
    const end = await this.#perform({ what, table: 'volumes', id, goal: 'available', about, send, mayFail: isGone });
    if (end === 'reached') return id;
    if (end === 'failed') await this.#removeFailed(id);
    return undefined;
  }

  async #removeFailed(id: string): Promise<void> {
    const { requests } = this.#options.drive;
    const send = (): Promise<void> => requests.deleteVolume(id, { cascade: true });
    await this.#perform({ what: 'delete failed volume', table: 'volumes', id, goal: 'gone', send });
  }

  async #makeSnapshot(volumeId: string): Promise<string | undefined> {
    const id = randomUUID();
    const send = (): Promise<string> => this.#options.drive.requests.createSnapshot(volumeId, 'chaos', id);
    const request = { what: 'snapshot', table: 'snapshots', id, goal: 'available', about: [volumeId] } as const;
    return (await this.#perform({ ...request, send })) === 'reached' ? id : undefined;
  }

  async #perform(request: Request): Promise<End['kind'] | 'refused'> {
    const { history, watcher, timeoutMs, onWrong } = this.#options;
    const { what, table, id, goal, about = [], send, mayFail } = request;
    const since = performance.now();
    const ids = [id, ...about];
    history.add('sent', `${what} ${ids.join(' of ')}`, ids);
    try {
      await send();
    } catch (error) {
      if (!(error instanceof InvalidInputError)) throw error;
      history.add('refused', `${what} ${id}: ${error.message}`, ids);
      return 'refused';
    }
    const end = await watcher.until(table, id, goal, timeoutMs);
    const tookMs = performance.now() - since;
    history.add('ended', `${what} ${id}: ${end.status} after ${Math.round(tookMs)} ms`, ids);
    this.tookMs.push(tookMs);
    const isRight = end.kind === 'reached' || (end.kind === 'failed' && mayFail?.() === true);
    if (!isRight) onWrong(`${what} is ${end.status} after ${Math.round(tookMs / 1000)} s`, id);
    return end.kind;
  }
}
