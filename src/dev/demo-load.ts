import type { Drive } from '../cli/drive/open-drive.ts';
import type { NewVolume } from '../cli/drive/requests.ts';
import type { RowWatch, Watched } from '../cli/drive/row-watch.ts';
import type { Target } from '../cli/drive/target.ts';
import type { VolumeType } from '../domain/rows.ts';
import { AppError, messageOf } from '../kernel/errors.ts';
import type { Contents } from './content.ts';

export const operationNames = [
  'create',
  'clone volume',
  'create from snapshot',
  'snapshot',
  'delete snapshot',
  'delete volume',
] as const;
export type OperationName = (typeof operationNames)[number];

/** One request, as it ended. */
export interface Done {
  readonly operation: OperationName;
  /** Null: it reached its end. Otherwise what was wrong. */
  readonly problem: string | null;
  /** From before the request was sent until its end was seen in the row. */
  readonly tookMs: number;
}

export interface LoadOptions {
  readonly drive: Drive;
  readonly watch: RowWatch;
  readonly target: Target;
  readonly type: VolumeType;
  readonly contents: Contents;
  readonly onDone: (done: Done) => void;
  /** How long a request may take, a dead replica's take-over included. */
  readonly timeoutMs: number;
}

/** A request did not reach its end: what was to follow it makes no sense. */
class StoryEnds extends Error {}

/**
 * What users do, told as stories that run at the same time. Requests of one story wait for what they need and for
 * nothing else, so that a volume has snapshots made, copied and deleted at once, and by all replicas.
 */
export class DemoLoad {
  readonly #options: LoadOptions;

  constructor(options: LoadOptions) {
    this.#options = options;
  }

  /** How many requests these numbers of stories make. */
  static count({ quick, busy, snapshots }: Stories): number {
    if (!snapshots) return quick + Math.ceil(quick / 2) + busy;
    return quick * 5 + Math.ceil(quick / 2) + Math.ceil(quick / 3) + busy * 20;
  }

  /** Resolves when every story has ended, well or not; rejects for what no request can be blamed for. */
  async run(stories: Stories): Promise<void> {
    const quick = Array.from({ length: stories.quick }, (_, index) => this.#quick(index, stories.snapshots));
    const busy = Array.from({ length: stories.busy }, (_, index) => this.#busy(index, stories.snapshots));
    for (const story of await Promise.allSettled([...busy, ...quick])) {
      if (story.status === 'rejected' && !(story.reason instanceof StoryEnds)) throw story.reason;
    }
  }

  /** Deletes everything there is, snapshots first. */
  async deleteAll(): Promise<void> {
    const { drive } = this.#options;
    const settle = async (all: readonly Promise<void>[]): Promise<void> => {
      for (const one of await Promise.allSettled(all)) {
        if (one.status === 'rejected' && !(one.reason instanceof StoryEnds)) throw one.reason;
      }
    };
    await settle((await drive.snapshots()).map(({ id }) => this.#deleteSnapshot(id)));
    await settle((await drive.volumes()).map(({ id }) => this.#deleteVolume(id)));
  }

  /** A volume, written to before and after its snapshot; a copy of each state; some of it deleted again. */
  async #quick(index: number, snapshots: boolean): Promise<void> {
    const { contents } = this.#options;
    const volume = await this.#create(`quick-${index}`, 1);
    await contents.write(volume, 'first');
    if (!snapshots) return index % 2 === 0 ? this.#deleteVolume(volume) : undefined;
    const snapshot = await this.#snapshot(volume, `quick-${index}`);
    const before = contents.of(volume);
    await contents.write(volume, 'second');
    const larger = index % 3 === 0 ? 2 : 1;
    const [restored, clone] = await allOrFirst([
      this.#create(`restored-${index}`, 1, { snapshotId: snapshot }),
      this.#create(`clone-${index}`, larger, { volumeId: volume }),
    ]);
    contents.expect(restored, before);
    contents.expect(clone, contents.of(volume));
    await this.#deleteSnapshot(snapshot);
    await allOrFirst([
      index % 2 === 0 ? this.#deleteVolume(volume) : undefined,
      index % 3 === 0 ? this.#deleteVolume(restored) : undefined,
    ]);
  }

  /** One volume that everybody wants something of at once. */
  async #busy(index: number, snapshots: boolean): Promise<void> {
    const { contents } = this.#options;
    const volume = await this.#create(`busy-${index}`, 1);
    await contents.write(volume, 'first');
    if (!snapshots) return;
    const made = await allOrFirst(times(6, (n) => this.#snapshot(volume, `busy-${index}-${n}`)));
    const [odd, even] = [made.filter((_, n) => n % 2 === 1), made.filter((_, n) => n % 2 === 0)];
    const copies = [
      ...times(4, (n) => this.#create(`copy-${index}-${n}`, 1, { volumeId: volume })),
      ...times(4, (n) => this.#create(`past-${index}-${n}`, 1, { snapshotId: odd[n % odd.length] ?? '' })),
    ];
    const deleted = even.map((snapshot) => this.#deleteSnapshot(snapshot));
    const [ids] = await allOrFirst([allOrFirst(copies), allOrFirst(deleted)]);
    for (const id of ids) contents.expect(id, contents.of(volume));
    await allOrFirst(ids.slice(0, 2).map((id) => this.#deleteVolume(id)));
  }

  #create(name: string, sizeGb: number, from?: NewVolume['from']): Promise<string> {
    const { drive, target, type } = this.#options;
    const request: NewVolume = { name, sizeGb, ...(from === undefined ? {} : { from }) };
    const operation = from === undefined ? 'create' : 'volumeId' in from ? 'clone volume' : 'create from snapshot';
    const send = (): Promise<string> => drive.requests.createVolume(request, target, type);
    return this.#perform(operation, send, { type: 'volume', goal: 'available' });
  }

  #snapshot(volumeId: string, name: string): Promise<string> {
    const send = (): Promise<string> => this.#options.drive.requests.createSnapshot(volumeId, name);
    return this.#perform('snapshot', send, { type: 'snapshot', goal: 'available' });
  }

  async #deleteSnapshot(id: string): Promise<void> {
    const send = (): Promise<string> => this.#options.drive.requests.deleteSnapshot(id).then(() => id);
    await this.#perform('delete snapshot', send, { type: 'snapshot', goal: 'gone' });
  }

  async #deleteVolume(id: string): Promise<void> {
    this.#options.contents.forget(id);
    const send = (): Promise<string> =>
      this.#options.drive.requests.deleteVolume(id, { cascade: false }).then(() => id);
    await this.#perform('delete volume', send, { type: 'volume', goal: 'gone' });
  }

  async #perform(operation: OperationName, send: () => Promise<string>, end: Omit<Watched, 'id'>): Promise<string> {
    const since = performance.now();
    const done = (problem: string | null): void =>
      this.#options.onDone({ operation, problem, tookMs: performance.now() - since });
    let id: string;
    try {
      id = await send();
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      done(messageOf(error));
      throw new StoryEnds(operation, { cause: error });
    }
    const ending = await this.#options.watch.until({ ...end, id }, this.#options.timeoutMs);
    if (ending.kind === 'reached') {
      done(null);
      return id;
    }
    done(`${end.type} ${id} is ${ending.kind === 'failed' ? '' : 'still '}${ending.status}`);
    throw new StoryEnds(operation);
  }
}

export interface Stories {
  readonly quick: number;
  readonly busy: number;
  /** False: creates and deletes only. */
  readonly snapshots: boolean;
}

const times = <T>(count: number, make: (index: number) => T): T[] => Array.from({ length: count }, (_, n) => make(n));

/** Waits for all of them, also when one fails: no request of a story that has ended is still under way. */
async function allOrFirst<const T extends readonly unknown[]>(
  all: T,
): Promise<{ -readonly [K in keyof T]: Awaited<T[K]> }> {
  await Promise.allSettled(all);
  return Promise.all(all);
}
