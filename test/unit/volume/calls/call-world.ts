import { Value } from '@sinclair/typebox/value';
import { createCoordinator } from '../../../../src/coordination/create.ts';
import type { Coordinator } from '../../../../src/coordination/coordinator.ts';
import type { LockName } from '../../../../src/coordination/lock-names.ts';
import type { Database } from '../../../../src/db/database.ts';
import type { Json, JsonObject } from '../../../../src/domain/json.ts';
import type { VolumeAttachment } from '../../../../src/domain/rows.ts';
import { silentLogger } from '../../../../src/log/logger.ts';
import type { RpcRequest } from '../../../../src/rpc/method.ts';
import { CallCustody } from '../../../../src/volume/call-custody.ts';
import { calls } from '../../../../src/volume/calls/index.ts';
import { noFailpoints } from '../../../../src/volume/custody-options.ts';
import type { Tables } from '../../../support/fake-resources/tables.ts';
import { lostAnswer } from '../../../support/fake-resources.ts';
import { VOLUME } from '../operations/rows.ts';
import { World, context, type WorldOptions } from '../operations/world.ts';

export const ATTACHMENT = 'aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa';
export const ATTACHMENT_2 = 'bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb';
export const SERVER = 'cccccccc-cccc-4ccc-8ccc-cccccccccccc';

/** One replica that answers calls. */
export class CallWorld {
  readonly world: World;
  readonly #coordinator: Coordinator;
  readonly #custody: CallCustody;
  /** The locks of each run, in order. */
  readonly locked: (readonly LockName[])[] = [];
  wakes = 0;

  private constructor(options: WorldOptions) {
    this.world = new World(options);
    const { db } = this.world;
    this.#coordinator = createCoordinator({
      ...{ url: 'memory://', heartbeatMs: 1_000, initialReconnectBackoffMs: 10, maxReconnectBackoffMs: 100 },
      ...{ safetyMarginMs: 0, silentMainLoopMs: 10_000, memberId: 'me' },
      clock: { nowMs: () => performance.now() },
      log: silentLogger,
    });
    this.#custody = new CallCustody({
      db: Object.create(db.statements, { transaction: { value: db.transaction.bind(db) } }) as Database,
      coordinator: this.#coordinator,
      failpoints: noFailpoints,
      owner: 'me',
      onOutbox: () => void (this.wakes += 1),
    });
  }

  static async start(options: WorldOptions): Promise<CallWorld> {
    const started = new CallWorld(options);
    await started.#coordinator.start(new AbortController().signal);
    return started;
  }

  async stop(): Promise<void> {
    await this.#coordinator.stop({ force: new AbortController().signal });
  }

  get tables(): Tables {
    return this.world.db.tables;
  }

  /** By default each is a message of its own. */
  async call(name: string, args: JsonObject, uniqueId: string = `message ${(counter += 1)}`): Promise<Json> {
    const call = calls.find((candidate) => candidate.name === name);
    if (call === undefined) throw new Error(`no call ${name}`);
    if (!Value.Check(call.args, args)) throw new Error(`arguments of ${name} do not fit`);
    const { ports } = this.world;
    const patience = { signal: AbortSignal.timeout(5_000), log: silentLogger };
    const request = { uniqueId, context, plain: args } as unknown as RpcRequest;
    return call.run(args, {
      ...{ request, ports, ...patience },
      carried: async () => {
        await this.world.carry(name, args);
        const { outcome, detail } = this.world.db.tables.entry;
        return { outcome: outcome === 'done' ? 'done' : 'refused', detail };
      },
      locked: (names, work) => {
        this.world.driver.held = new Set(names);
        this.locked.push(names);
        return this.#custody.locked(names, patience, work);
      },
    });
  }

  /** The next commit arrives, and its answer does not. */
  loseNextAnswer(): void {
    let lost = false;
    this.world.db.hook = (name, when) => {
      if (name !== 'commit' || when !== 'after' || lost) return;
      lost = true;
      throw lostAnswer(name);
    };
  }
}

let counter = 0;

export function attachmentRow(changes: Partial<VolumeAttachment> = {}): VolumeAttachment {
  return {
    ...{ created_at: '2026-01-01 00:00:02.000000', updated_at: null, deleted_at: null, deleted: false },
    ...{ id: ATTACHMENT, volume_id: VOLUME, instance_uuid: SERVER, attached_host: 'compute', mountpoint: '/dev/vdb' },
    ...{ attach_time: null, detach_time: null, attach_mode: 'rw', attach_status: 'attached' },
    ...{ connection_info: null, connector: null },
    ...changes,
  };
}
