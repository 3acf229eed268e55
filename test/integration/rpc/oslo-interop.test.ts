import { spawn } from 'node:child_process';
import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CinderError } from '../../../src/domain/exceptions.ts';
import type { JsonObject } from '../../../src/domain/json.ts';
import { boundProgram } from '../../../src/kernel/bound-program.ts';
import { silentLogger } from '../../../src/log/logger.ts';
import { createRpcServers } from '../../../src/rpc/create-rpc-servers.ts';
import { createTransport } from '../../../src/rpc/create-transport.ts';
import { OsloMessageMaker } from '../../../src/rpc/message-maker.ts';
import { OutboxSender } from '../../../src/rpc/message-sender.ts';
import { ReplySender } from '../../../src/rpc/reply-sender.ts';
import { CopiedRequests } from '../../../src/rpc/request-copies.ts';
import { RpcClient } from '../../../src/rpc/rpc-client.ts';
import type { RpcServer } from '../../../src/rpc/rpc-server.ts';
import type { Transport } from '../../../src/rpc/transport.ts';
import { serviceContext } from '../../../src/rpc/wire/context.ts';
import { defaultRabbitOptions } from '../../contract/transport/rabbit-defaults.ts';
import { eventually } from '../../support/poll.ts';
import { leaveOutPython, python } from '../../support/programs.ts';
import { sharedRabbit } from '../../support/shared-servers.ts';
import { FakeService } from '../../unit/rpc/rpc-harness.ts';

const soon = (): AbortSignal => AbortSignal.timeout(20_000);

/** oslo.messaging itself, in a process of its own. */
class OsloPeer {
  readonly events: JsonObject[] = [];
  readonly #child: ChildProcessWithoutNullStreams;

  constructor(url: string, options: JsonObject) {
    const script = join(import.meta.dirname, 'oslo-peer.py');
    const [launcher, ...argv] = boundProgram([python, script, url, JSON.stringify(options)]);
    this.#child = spawn(launcher, argv);
    this.#child.stderr.pipe(process.stderr);
    createInterface(this.#child.stdout).on('line', (line) => this.events.push(JSON.parse(line) as JsonObject));
  }

  async do(command: JsonObject): Promise<unknown> {
    const before = this.#answers().length;
    this.#child.stdin.write(`${JSON.stringify(command)}\n`);
    const answers = await eventually(() => this.#answers().length > before && this.#answers(), { timeoutMs: 30_000 });
    const answer = answers.at(-1);
    if (answer?.['error'] !== undefined) throw new Error(JSON.stringify(answer['error']));
    return answer?.['value'];
  }

  async stop(): Promise<void> {
    const ended = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.kill('SIGKILL');
    await ended;
  }

  #answers(): readonly JsonObject[] {
    return this.events.filter(({ event }) => event === 'answer');
  }
}

const modes: Record<string, { ours: object; theirs: JsonObject }> = {
  'transient queues': { ours: {}, theirs: {} },
  'durable, vanishing, mirrored queues': {
    ours: { amqpDurableQueues: true, amqpAutoDelete: true, rabbitHaQueues: true },
    theirs: { amqp_durable_queues: true, amqp_auto_delete: true, rabbit_ha_queues: true },
  },
  'quorum queues with limits': {
    ours: { rabbitQuorumQueue: true, rabbitQuorumDeliveryLimit: 5, rabbitQuorumMaxMemoryLength: 100 },
    theirs: { rabbit_quorum_queue: true, rabbit_quorum_delivery_limit: 5, rabbit_quroum_max_memory_length: 100 },
  },
};

describe.skipIf(leaveOutPython('oslo_messaging')).each(Object.entries(modes))(
  'beside oslo.messaging with %s',
  (_name, { ours, theirs }) => {
    const topic = 'cinder-volume.h@b';
    const service = new FakeService();
    let transport: Transport;
    let peer: OsloPeer;
    let servers: readonly RpcServer[];
    let client: RpcClient;

    beforeAll(async () => {
      const { url } = await sharedRabbit();
      const rabbit = url.replace('amqp:', 'rabbit:');
      peer = new OsloPeer(rabbit, theirs);
      // Python declares first, under the names that we consume beside it.
      await peer.do({ do: 'serve', topic: 'cinder-scheduler', server: 's' });
      await peer.do({ do: 'serve', topic, server: 'other' });
      const options = { ...defaultRabbitOptions(), ...ours };
      transport = createTransport({ url: rabbit, options, log: silentLogger });
      await transport.start(soon());
      const replies = new ReplySender({ transport, log: silentLogger, giveUpAfterMs: 1_000 });
      const common = { transport, controlExchange: 'openstack', service, replies, log: silentLogger };
      const limits = { maxCalls: 4, responseTimeoutMs: () => 60_000 };
      servers = createRpcServers({ ...common, ...limits, backendHost: 'h@b', cluster: 'c@b', keepCopies: true });
      for (const server of servers) await server.start(soon());
      client = new RpcClient({ transport, controlExchange: 'openstack', log: silentLogger });
    });
    afterAll(async () => {
      await peer.stop();
      await client.stop();
      for (const server of servers) await server.stop({ force: soon() });
      await transport.stop({ force: soon() });
    });

    it('answers its calls, errors included', async () => {
      service.onCall = ({ plain }) => Promise.resolve(plain);
      const call = { do: 'call', topic, server: 'h', method: 'call_it', args: { a: [1, null, 'ü'] } };
      expect(await peer.do(call)).toEqual({ result: { a: [1, null, 'ü'] } });
      service.onCall = () => Promise.reject(new CinderError('VolumeNotFound', { volume_id: 'v1' }));
      const failed = (await peer.do(call)) as JsonObject;
      // Where Cinder is not installed beside oslo.messaging, it cannot make its class.
      expect([failed['class'], failed['exc_type']]).toEqual(
        failed['class'] === 'RemoteError' ? ['RemoteError', 'VolumeNotFound'] : ['VolumeNotFound_Remote', null],
      );
      expect(failed['text']).toContain('Volume v1 could not be found.');
      expect(await peer.do({ ...call, method: 'nothing' })).toMatchObject({ exc_type: 'NoSuchMethod' });
    });

    it.each([
      ['cinder-volume', null],
      ['cinder-volume.h@b', 'h'],
      ['cinder-volume.c@b', 'c'],
      ['cinder-volume.c@b', null],
    ])('keeps its casts to %s, server %s', async (castTopic, server) => {
      service.kept.length = 0;
      await peer.do({ do: 'cast', topic: castTopic, server, fanout: null, method: 'cast_it', args: { n: 1 } });
      await eventually(() => service.kept.length === 1);
      expect(service.kept[0]).toMatchObject({ plain: { n: 1 }, version: '3.0', context: { user_id: 'python' } });
    });

    it('leaves copies of its casts where a restart of the broker takes the queues with it', async () => {
      service.kept.length = 0;
      const targets: readonly (readonly [string, string])[] = [
        ['cinder-volume', 'h@b'],
        ['cinder-volume.h@b', 'h'],
        ['cinder-volume.c@b', 'c'],
      ];
      for (const [topic, server] of targets) {
        await peer.do({ do: 'cast', topic, server, fanout: null, method: 'cast_kept', args: { server } });
      }
      const copies = new CopiedRequests({ transport, version: service.version, log: silentLogger });
      const kept: Record<string, unknown[]> = { 'cinder-volume.h@b': [], 'cinder-volume.c@b': [] };
      for (const [of, found] of Object.entries(kept)) {
        await copies.each(of, 'cast_kept', ({ plain }) => found.push(plain['server']), soon());
      }
      const isTransient = Object.keys(theirs).length === 0;
      expect(Object.values(kept)).toEqual(isTransient ? [['h@b', 'h'], ['c']] : [[], []]);
    });

    it('shares a queue that it consumes as well', async () => {
      service.kept.length = 0;
      peer.events.length = 0;
      const cast = { do: 'cast', topic: 'cinder-volume', server: 'h@b', fanout: null, method: 'cast_it', args: {} };
      for (let n = 0; n < 6; n += 1) await peer.do(cast);
      const theirs = () => peer.events.filter(({ event }) => event === 'cast').length;
      await eventually(() => service.kept.length + theirs() === 6);
      // Three consumers in turn, two of which are ours.
      expect([service.kept.length, theirs()]).toEqual([4, 2]);
    });

    it('keeps its fanouts, once for each server of the topic', async () => {
      service.kept.length = 0;
      await peer.do({ do: 'cast', topic: 'cinder-volume', server: null, fanout: true, method: 'cast_it', args: {} });
      await eventually(() => service.kept.length === 1);
    });

    it('gets its answers and errors', async () => {
      const target = { topic: 'cinder-scheduler', server: 's' };
      const options = { timeoutMs: 15_000, signal: soon() };
      expect(await client.call(target, 'call_echo', '3.0', { x: 'y' }, options)).toEqual({ x: 'y' });
      const failed = client.call(target, 'call_fail', '3.0', {}, options);
      await expect(failed).rejects.toMatchObject({ python: { name: 'ValueError' }, remoteMessage: 'no' });
    });

    it('sends it casts, fanouts and notifications', async () => {
      await peer.do({ do: 'listen' });
      peer.events.length = 0;
      const maker = new OsloMessageMaker({ formats: ['messagingv2'], topics: ['notifications'] });
      const replies = new ReplySender({ transport, log: silentLogger, giveUpAfterMs: 1_000 });
      const sender = new OutboxSender({ transport, controlExchange: 'openstack', replies, formats: ['messagingv2'] });
      const context = { user_id: 'typescript' };
      const messages = [
        maker.cast(context, { topic: 'cinder-scheduler' }, 'cast_it', '3.0', { to: 'any' }),
        maker.fanout(context, 'cinder-scheduler', 'cast_it', '3.0', { to: 'all' }),
        ...maker.notification(serviceContext(), 'volume.h@b', 'volume.create.end', { size: 1 }),
      ];
      for (const message of messages) await sender.send(message, soon());
      await eventually(() => peer.events.filter(({ event }) => event !== 'answer').length === 3);
      const notified = { event: 'notified', publisher: 'volume.h@b', type: 'volume.create.end', payload: { size: 1 } };
      expect(peer.events).toContainEqual({ event: 'cast', args: { to: 'any' }, user: 'typescript' });
      expect(peer.events).toContainEqual({ event: 'cast', args: { to: 'all' }, user: 'typescript' });
      expect(peer.events).toContainEqual(notified);
    });

    it('proves that each of its servers consumes', async () => {
      for (const server of servers) await server.probe(soon());
      expect(transport.health()).toEqual({ ok: true });
    });
  },
);
