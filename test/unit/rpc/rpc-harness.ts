import { join } from 'node:path';
import type { Json, JsonObject } from '../../../src/domain/json.ts';
import { noTally } from '../../../src/kernel/tally.ts';
import { silentLogger } from '../../../src/log/logger.ts';
import { HubTransport } from '../../../src/rpc/memory/hub-transport.ts';
import { startHub } from '../../../src/rpc/memory/hub-server.ts';
import type { RunningHub } from '../../../src/rpc/memory/hub-server.ts';
import type { RpcRequest, RpcService } from '../../../src/rpc/method.ts';
import { ReplySender } from '../../../src/rpc/reply-sender.ts';
import { RpcClient } from '../../../src/rpc/rpc-client.ts';
import { RpcServer } from '../../../src/rpc/rpc-server.ts';
import type { RpcServerOptions } from '../../../src/rpc/rpc-server.ts';
import type { Transport } from '../../../src/rpc/transport.ts';
import { makeTempDir, removeDir } from '../../support/temp-dir.ts';

export const soon = (): AbortSignal => AbortSignal.timeout(10_000);

/** A table of methods whose casts are kept in a list. */
export class FakeService implements RpcService {
  readonly version = '3.18';
  readonly kept: RpcRequest[] = [];
  readonly called: RpcRequest[] = [];
  /** How many times keeping a cast fails from now on. */
  failures = 0;
  onCall: (request: RpcRequest, signal: AbortSignal) => Promise<Json> = ({ plain }) => Promise.resolve(plain);

  kindOf(method: string): 'call' | 'cast' | null {
    if (method.startsWith('cast_')) return 'cast';
    return method.startsWith('call_') ? 'call' : null;
  }

  accept(request: RpcRequest): Promise<void> {
    if (this.failures > 0) {
      this.failures -= 1;
      return Promise.reject(new Error('the database is away'));
    }
    if (!this.kept.some(({ uniqueId }) => uniqueId === request.uniqueId)) this.kept.push(request);
    return Promise.resolve();
  }

  call(request: RpcRequest, signal: AbortSignal): Promise<Json> {
    this.called.push(request);
    return this.onCall(request, signal);
  }
}

/** A hub with one client; servers and further transports are made by the test and stopped by `stop`. */
export class RpcHarness {
  readonly #dir: string;
  readonly hub: RunningHub;
  readonly #stops: (() => Promise<void>)[] = [];

  private constructor(dir: string, hub: RunningHub) {
    this.#dir = dir;
    this.hub = hub;
  }

  static async start(): Promise<RpcHarness> {
    const dir = await makeTempDir();
    return new RpcHarness(dir, await startHub({ socketPath: join(dir, 'hub.sock') }));
  }

  async transport(): Promise<Transport> {
    const transport = new HubTransport(this.hub.socketPath, silentLogger);
    await transport.start(soon());
    this.#stops.push(() => transport.stop());
    return transport;
  }

  async client(): Promise<RpcClient> {
    const client = new RpcClient({
      transport: await this.transport(),
      controlExchange: 'openstack',
      log: silentLogger,
    });
    this.#stops.push(() => client.stop());
    return client;
  }

  async server(service: RpcService, options: Partial<RpcServerOptions> = {}): Promise<RpcServer> {
    const transport = await this.transport();
    const server = new RpcServer({
      transport,
      target: { exchange: 'openstack', topic: 'cinder-volume.h@b', server: 'h' },
      service,
      replies: new ReplySender({ transport, log: silentLogger, giveUpAfterMs: 400 }),
      log: silentLogger,
      prefetch: 20,
      maxCalls: 4,
      responseTimeoutMs: () => 60_000,
      pingEnabled: true,
      tally: noTally,
      ...options,
    });
    await server.start(soon());
    this.#stops.push(() => server.stop({ force: AbortSignal.abort() }));
    return server;
  }

  async stop(): Promise<void> {
    for (let stop = this.#stops.pop(); stop !== undefined; stop = this.#stops.pop()) await stop();
    await this.hub.stop();
    await removeDir(this.#dir);
  }
}

export const target = { topic: 'cinder-volume.h@b', server: 'h' };

/** A payload as Python sends it. */
export function payload(fields: JsonObject = {}): JsonObject {
  return { method: 'cast_it', args: {}, version: '3.0', _context_read_deleted: 'no', ...fields };
}
