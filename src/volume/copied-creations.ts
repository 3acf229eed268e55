import type { NewEntry } from '../db/ports/custody.ts';
import type { Repositories } from '../db/database.ts';
import type { Volume } from '../domain/rows.ts';
import type { Logger } from '../log/logger.ts';
import type { RequestCopies, RpcRequest } from '../rpc/method.ts';
import { checkArgs } from './check-args.ts';
import { copiedCreation, seenOf } from './lost-requests.ts';
import type { Operation } from './operation.ts';
import { queueOf } from './peers.ts';

const method = 'create_volume';

/** A volume that is `creating`, whose row names no source, and that nobody carries. */
export interface UnclearVolume {
  /** `backend.workOf`. */
  readonly backend: string;
  readonly row: Volume;
}

export interface CopiedCreationsOptions {
  readonly db: Pick<Repositories, 'workers'>;
  readonly operations: readonly Operation[];
  /** Null: none are kept. */
  readonly copies: RequestCopies | null;
  readonly log: Logger;
}

/**
 * Finds the requests of volumes whose rows do not tell from what they are to be made, an image or nothing, among the
 * copies that the broker keeps. Where nobody finds any, it is reported, never guessed.
 *
 * A row with a service in the workers table is somebody's who has begun, Python's perhaps, and is let be. A look that
 * saw all copies and did not find a row's request need not be made again while row and broker stay as they are: what
 * comes later comes by the queue as well.
 */
export class CopiedCreations {
  readonly #options: CopiedCreationsOptions;
  /** Rows that were looked for, as they were then. */
  #looked: ReadonlySet<string> = new Set();

  constructor(options: CopiedCreationsOptions) {
    this.#options = options;
  }

  /** A broker was lost, and with it maybe what has come since the last look. */
  brokerLost(): void {
    this.#looked = new Set();
  }

  /**
   * Hands over what it finds, as entries to be journalled.
   *
   * @returns whether all copies could be looked at
   */
  async look(
    unclear: readonly UnclearVolume[],
    takeUp: (entries: readonly NewEntry[]) => Promise<void>,
    signal: AbortSignal,
  ): Promise<boolean> {
    if (this.#options.copies === null) return true;
    const before = this.#looked;
    const looked = new Set(unclear.map(({ row }) => stateOf(row)).filter((state) => before.has(state)));
    let isSure = true;
    for (const [topic, volumes] of await this.#byTopic(unclear, looked)) {
      const entries = await this.#find(this.#options.copies, topic, volumes, signal);
      if (entries === null) isSure = false;
      else {
        await takeUp(entries);
        for (const { row } of volumes) looked.add(stateOf(row));
      }
    }
    // Unless the broker was lost meanwhile.
    if (this.#looked === before) this.#looked = looked;
    return isSure;
  }

  /** Those that are to be looked for, by where their requests were sent. */
  async #byTopic(
    unclear: readonly UnclearVolume[],
    looked: ReadonlySet<string>,
  ): Promise<ReadonlyMap<string, readonly UnclearVolume[]>> {
    const found = new Map<string, UnclearVolume[]>();
    for (const volume of unclear.filter(({ row }) => !looked.has(stateOf(row)))) {
      const worker = await this.#options.db.workers.find('Volume', volume.row.id);
      if (worker !== null && worker.service_id !== null) continue;
      const { topic } = queueOf(volume.row);
      found.set(topic, [...(found.get(topic) ?? []), volume]);
    }
    return found;
  }

  /** Null: not all copies were seen. */
  async #find(
    copies: RequestCopies,
    topic: string,
    volumes: readonly UnclearVolume[],
    signal: AbortSignal,
  ): Promise<readonly NewEntry[] | null> {
    const wanted = new Set(volumes.map(({ row }) => row.id));
    const newest = new Map<string, RpcRequest>();
    const onRequest = (request: RpcRequest): void => {
      const id = this.#volumeOf(request);
      if (id !== null && wanted.has(id)) newest.set(id, request);
    };
    try {
      await copies.each(topic, method, onRequest, signal);
    } catch (err) {
      signal.throwIfAborted();
      this.#options.log.info({ err, topic }, 'could not look at all copies of requests; somebody else may be at it');
      return null;
    }
    return volumes.flatMap(({ backend, row }) => {
      const request = newest.get(row.id);
      return request === undefined ? [] : [copiedCreation({ backend, row, request })];
    });
  }

  /** Null: its arguments do not fit. Whoever received it has said so. */
  #volumeOf({ plain }: RpcRequest): string | null {
    const operation = this.#options.operations.find(({ name }) => name === method);
    if (operation === undefined) return null;
    try {
      return operation.resource(checkArgs(operation.args, plain)).id;
    } catch {
      return null;
    }
  }
}

function stateOf(row: Volume): string {
  return `${row.id} ${seenOf(row)}`;
}
