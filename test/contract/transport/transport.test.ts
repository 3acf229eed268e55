import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { silentLogger } from '../../../src/log/logger.ts';
import { createTransport } from '../../../src/rpc/create-transport.ts';
import { startHub } from '../../../src/rpc/memory/hub-server.ts';
import type { RabbitOptions } from '../../../src/rpc/rabbit/rabbit-options.ts';
import { eventually } from '../../support/poll.ts';
import { sharedRabbit } from '../../support/shared-servers.ts';
import { makeTempDir, removeDir } from '../../support/temp-dir.ts';
import { describeTransport } from './transport-contract.ts';
import { defaultRabbitOptions } from './rabbit-defaults.ts';

describeTransport('hub', async () => {
  const dir = await makeTempDir();
  const socketPath = join(dir, 'hub.sock');
  const hub = await startHub({ socketPath });
  return {
    connect: () =>
      Promise.resolve(
        createTransport({ url: `hub://${socketPath}`, options: defaultRabbitOptions(), log: silentLogger }),
      ),
    disconnectAll: async () => {
      hub.disconnectAll();
    },
    stop: async () => {
      await hub.stop();
      await removeDir(dir);
    },
  };
});

const kinds: Record<string, Partial<RabbitOptions>> = {
  classic: {},
  'durable, all arguments': { amqpDurableQueues: true, rabbitHaQueues: true },
  quorum: { rabbitQuorumQueue: true, rabbitTransientQuorumQueue: true, rabbitQuorumDeliveryLimit: 7 },
  'quorum, managed names': { rabbitQuorumQueue: true, rabbitTransientQuorumQueue: true, useQueueManager: true },
  'stream fanout': { rabbitTransientQuorumQueue: true, rabbitStreamFanout: true, rabbitQosPrefetchCount: 10 },
};

for (const [kind, changed] of Object.entries(kinds)) {
  describeTransport(`rabbit, ${kind}`, async () => {
    const { url, vhost, admin } = await sharedRabbit();
    const names = { hostname: 'host', processname: `contract-${randomUUID()}` };
    const options = { ...defaultRabbitOptions(), kombuReconnectDelayMs: 50, ...names, ...changed };
    return {
      keepsCopies: !options.amqpDurableQueues && !options.rabbitQuorumQueue,
      fanoutsStay: options.useQueueManager || options.rabbitStreamFanout,
      connect: () =>
        Promise.resolve(createTransport({ url: url.replace('amqp:', 'rabbit:'), options, log: silentLogger })),
      disconnectAll: async (isCut) => {
        // The management interface shows a new connection only after a while, and others of the vhost before it.
        const cut = async (): Promise<boolean> => isCut() || ((await admin.closeConnections(vhost)) > 0 && isCut());
        await eventually(cut, { everyMs: 200, timeoutMs: 20_000, what: 'the cut of the connection' });
      },
      stop: () => Promise.resolve(),
    };
  });
}
