import { randomUUID } from 'node:crypto';
import { Type } from '@sinclair/typebox';
import { createCoordinator } from '../../../src/coordination/create.ts';
import type { Coordinator } from '../../../src/coordination/coordinator.ts';
import { MemoryLocks } from '../../../src/coordination/drivers/memory.ts';
import { lockNames, type LockName } from '../../../src/coordination/lock-names.ts';
import type { OutboxMessage } from '../../../src/db/ports/custody.ts';
import type { RequestContext } from '../../../src/domain/context.ts';
import type { JsonObject } from '../../../src/domain/json.ts';
import type { Volume } from '../../../src/domain/rows.ts';
import type { Clock } from '../../../src/kernel/clock.ts';
import { silentLogger } from '../../../src/log/logger.ts';
import type { RpcRequest } from '../../../src/rpc/method.ts';
import { createDoor, type Custody, type DoorOptions } from '../../../src/volume/create-door.ts';
import type { CustodyTimings } from '../../../src/volume/custody-options.ts';
import type { Operation, OperationPorts, Scope } from '../../../src/volume/operation.ts';
import { moveStatus } from './status-move.ts';
import { FakeDatabase } from '../../support/fake-database.ts';
import { FakeServer } from '../../support/fake-database/server.ts';

export const backend = 'c@nfs';

const clock: Clock = { nowMs: () => performance.now() };

/** What all replicas share: the database server, the lock service, the backend and the broker. */
export class World {
  readonly server = new FakeServer();
  readonly locks = new MemoryLocks();
  /** Every effect on the backend, in order. */
  readonly made: { volume: string; tag: string; replica: string }[] = [];
  readonly sent: OutboxMessage[] = [];
  readonly replicas: Replica[] = [];

  async replica(options: ReplicaOptions = {}): Promise<Replica> {
    const replica = new Replica(this, options);
    this.replicas.push(replica);
    await replica.start();
    return replica;
  }

  volume(id: string, changes: Partial<Volume> = {}): void {
    const row = {
      id,
      status: 'creating',
      host: `${backend}#pool`,
      updated_at: null,
      created_at: '2026-01-01 00:00:00',
    };
    const source = { snapshot_id: null, source_volid: null };
    this.server.tables.volumes.set(id, { ...row, ...source, ...changes } as Volume);
  }

  status(id: string): string | null | undefined {
    return this.server.tables.volumes.get(id)?.status;
  }

  /** Everything has ended: no entry is unfinished, no replica carries one, and nothing waits in the outbox. */
  atRest(replicas: readonly Replica[] = this.replicas): boolean {
    const { entries, outbox } = this.server.tables;
    return (
      [...entries.values()].every(({ outcome }) => outcome !== null) &&
      outbox.size === 0 &&
      replicas.every(({ door }) => door.status().length === 0)
    );
  }

  /** Whoever had the locks has them no more; `notices`: its lease says so. */
  dropLocks(owner: string, notices: boolean): void {
    for (const [name, held] of [...this.locks.held]) {
      if (held.owner !== owner) continue;
      if (notices) {
        this.locks.drop(name);
      } else {
        this.locks.held.delete(name);
        held.free();
      }
    }
  }

  async stop(): Promise<void> {
    await Promise.all(this.replicas.map((replica) => replica.stop()));
  }
}

export interface ReplicaOptions {
  readonly timings?: Partial<CustodyTimings>;
  readonly slots?: number;
  readonly operations?: readonly Operation[];
  readonly copies?: NonNullable<DoorOptions['copies']>;
  /** Whether the driver is set up. */
  readonly ready?: () => boolean;
  /** In the background: take-over and reconciliation; by default they run. */
  readonly background?: boolean;
}

const quick: Partial<CustodyTimings> = {
  incarnationHeartbeatMs: 20,
  presumedDeadAfterMs: 150,
  takeoverIntervalMs: 15,
  reconcileIntervalMs: 600_000,
  lockWaitWarningMs: 0,
  retryInitialMs: 10,
  retryMaxMs: 40,
  forcedStopMs: 200,
};

export class Replica {
  readonly id = randomUUID();
  readonly db: FakeDatabase;
  readonly coordinator: Coordinator;
  readonly custody: Custody;
  readonly #world: World;
  readonly #options: ReplicaOptions;
  /** What happens at which failpoint, once. */
  readonly #plans = new Map<string, () => Promise<void>>();
  readonly passed: string[] = [];
  #dead = false;

  constructor(world: World, options: ReplicaOptions) {
    this.#world = world;
    this.#options = options;
    this.db = new FakeDatabase(world.server);
    this.coordinator = createCoordinator({
      url: 'memory://',
      heartbeatMs: 1_000,
      initialReconnectBackoffMs: 10,
      maxReconnectBackoffMs: 100,
      safetyMarginMs: 0,
      silentMainLoopMs: 10_000,
      clock,
      log: silentLogger,
      memberId: this.id,
      memoryLocks: world.locks,
    });
    this.custody = createDoor({
      db: this.db,
      coordinator: this.coordinator,
      operations: options.operations ?? [fill(world, this.id)],
      ports: new Map([[backend, ports(this.db, () => options.ready?.() ?? true)]]),
      codec,
      sender: {
        send: (message) => {
          world.sent.push(message);
          return Promise.resolve();
        },
      },
      incarnation: { id: this.id, host: 'h', pid: 1, version: '0', serves: [backend] },
      slots: options.slots ?? 4,
      clock,
      log: silentLogger,
      timings: { ...quick, ...options.timings },
      failpoints: (name) => this.#failpoint(name),
      ...(options.copies === undefined ? {} : { copies: options.copies }),
    });
  }

  get door(): Custody['door'] {
    return this.custody.door;
  }

  async start(): Promise<void> {
    const { signal } = new AbortController();
    await this.coordinator.start(signal);
    const background = this.#options.background === false ? [] : this.custody.background;
    for (const component of [...this.custody.before, ...background]) await component.start(signal);
  }

  receive(volume: string, uniqueId: string = randomUUID(), method = 'fill'): Promise<void> {
    return this.door.receive(request(volume, uniqueId, method), backend);
  }

  /** The process is gone at this point: nothing of it is ever seen again, and its locks end. */
  killAt(failpoint: string): void {
    this.#plans.set(failpoint, () => {
      this.kill();
      return new Promise(() => undefined);
    });
  }

  kill(): void {
    this.#dead = true;
    this.db.freeze();
    this.#world.dropLocks(this.id, true);
  }

  /** The process stands still at this point, and its locks go to others; `notices`: it is told so when it goes on. */
  freezeAt(failpoint: string, notices: boolean): { frozen: Promise<void>; thaw: () => void } {
    let thaw = (): void => undefined;
    const thawed = new Promise<void>((resolve) => (thaw = resolve));
    const frozen = new Promise<void>((resolve) => {
      this.#plans.set(failpoint, () => {
        this.db.freeze();
        this.#world.dropLocks(this.id, notices);
        resolve();
        return thawed;
      });
    });
    return {
      frozen,
      thaw: () => {
        this.db.thaw();
        thaw();
      },
    };
  }

  async stop(): Promise<void> {
    if (this.#dead) return;
    const how = { force: AbortSignal.timeout(2_000) };
    for (const component of [...this.custody.before, ...this.custody.background].reverse()) await component.stop(how);
    await this.coordinator.stop(how);
  }

  async #failpoint(name: string): Promise<void> {
    this.passed.push(name);
    const plan = this.#plans.get(name);
    this.#plans.delete(name);
    await plan?.();
  }
}

/** An operation as the real ones are: volume `creating` → one thing made on the backend → `available`. */
export function fill(world: World, replica: string, extra: Partial<Operation> = {}): Operation {
  return {
    name: 'fill',
    args: Type.Object({ volume: Type.Object({ id: Type.String({ minLength: 1 }) }) }),
    resource: (args) => ({ type: 'Volume', id: volumeId(args) }),
    workerStatus: 'creating',
    locks: (args) => Promise.resolve(locksOf(volumeId(args))),
    load: async (args, { db }) => {
      const row = await db.volumes.get(volumeId(args));
      return row?.status === 'creating' ? row : { nothingToDo: `volume is ${row?.status ?? 'gone'}` };
    },
    run: async (state, scope) => {
      await make(world, replica, (state as Volume).id, scope);
      return undefined;
    },
    settle: (state, result, scope) => {
      const { id } = state as Volume;
      return Promise.resolve({
        outcome: result.ok ? 'done' : 'refused',
        detail: result.ok ? null : result.error.message,
        apply: (db) => moveStatus(db, id, 'creating', result.ok ? 'available' : 'error'),
        outbox: [message(`${scope.claim.entryId}-${scope.claim.number}`, id)],
      });
    },
    ...extra,
  };
}

export async function make(world: World, replica: string, volume: string, scope: Scope): Promise<void> {
  await scope.work.commitPoint('make');
  world.made.push({ volume, tag: scope.work.ownerTag, replica });
}

export function locksOf(volume: string): readonly LockName[] {
  return [lockNames.driverVolume('nfs', volume), lockNames.deleteVolume(volume)];
}

function message(uniqueId: string, volume: string): OutboxMessage {
  return { uniqueId, kind: 'notification', topic: 'notifications.info', server: null, payload: { volume } };
}

export function volumeId(args: object): string {
  return (args as { volume: { id: string } }).volume.id;
}

export function request(volume: string, uniqueId: string, method = 'fill'): RpcRequest {
  const args: JsonObject = { volume: { id: volume } };
  return { method, version: '3.0', uniqueId, plain: args, context, wire: { args, context: { request_id: 'req-1' } } };
}

const context = { request_id: 'req-1', auth_token: null } as unknown as RequestContext;

const codec: DoorOptions['codec'] = {
  plain: (args) => args,
  context: () => context,
  serviceContext: () => ({ request_id: 'req-service' }),
};

function ports(db: FakeDatabase, ready: () => boolean): OperationPorts {
  const service = { id: 1, uuid: 'u' };
  const fake = { name: 'nfs', host: 'h@nfs', cluster: backend, workOf: backend, service };
  return { db, backend: { ...fake, ready } } as unknown as OperationPorts;
}
