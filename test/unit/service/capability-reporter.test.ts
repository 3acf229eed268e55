import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { OutboxMessage } from '../../../src/db/ports/custody.ts';
import { CapabilityReporter, type CapabilityReporterOptions } from '../../../src/service/capability-reporter.ts';
import { reportTime } from '../../../src/service/capabilities.ts';
import { publishServiceCapabilities } from '../../../src/service/methods/publish-service-capabilities.ts';
import type { ServicePorts } from '../../../src/service/methods/service-method.ts';
import { FakeDriver, NFS_STATS, plainMaker, recordingLogger } from './fakes.ts';

const CAPABILITIES = {
  ...NFS_STATS.capabilities,
  tier: 'gold',
  allocated_capacity_gb: 7,
  filter_function: null,
  goodness_function: '42',
};

describe('report time', () => {
  it.each([
    ['2026-11-22 11:19:22.544835', '2026-11-22T11:19:22.544835'],
    ['2026-11-22 11:19:22.5', '2026-11-22T11:19:22.500000'],
    ['2026-11-22 11:19:22', '2026-11-22T11:19:22.000000'],
  ])('has always six digits: %s', (timestamp, expected) => {
    expect(reportTime(timestamp)).toBe(expected);
  });
});

describe('capability reporter', () => {
  let driver: FakeDriver;
  let sent: OutboxMessage[];
  let log: ReturnType<typeof recordingLogger>;
  let ready: boolean;
  let reporter: CapabilityReporter;

  const create = (changes: Partial<CapabilityReporterOptions> = {}): CapabilityReporter => {
    reporter = new CapabilityReporter({
      backend: { host: 'node1@nfs1', cluster: 'aa@nfs1' },
      driver,
      ready: () => ready,
      volumes: {
        allocatedByPool: (backend) =>
          Promise.resolve(
            backend === 'aa@nfs1'
              ? new Map([
                  ['nfs1', 5],
                  [null, 2],
                ])
              : new Map(),
          ),
        provisionedByLocation: (locations) => Promise.resolve(new Map(locations.map((location) => [location, 9]))),
      },
      databaseTime: () => Promise.resolve('2026-11-22 11:19:22.5'),
      messages: plainMaker,
      sender: {
        send: (message) => {
          sent.push(message);
          return Promise.resolve();
        },
      },
      context: () => ({ request_id: 'req-1' }),
      extras: { extraCapabilities: { tier: 'gold' }, filterFunction: null, goodnessFunction: '42' },
      clock: { nowMs: () => performance.now() },
      intervalMs: 60_000,
      log,
      ...changes,
    });
    return reporter;
  };
  const settle = (ms = 0): Promise<unknown> => vi.advanceTimersByTimeAsync(ms);

  beforeEach(() => {
    vi.useFakeTimers();
    driver = new FakeDriver();
    sent = [];
    log = recordingLogger();
    ready = true;
  });
  afterEach(async () => {
    await reporter.stop();
    vi.useRealTimers();
  });

  it('tells all schedulers and one, with exactly the arguments that they know', async () => {
    create().start();
    await settle();
    expect(sent).toEqual([
      {
        uniqueId: 'u',
        kind: 'fanout',
        topic: 'cinder-scheduler',
        server: null,
        payload: {
          method: 'update_service_capabilities',
          version: '3.3',
          context: { request_id: 'req-1' },
          args: {
            service_name: 'volume',
            host: 'node1@nfs1',
            cluster_name: 'aa@nfs1',
            capabilities: CAPABILITIES,
            timestamp: '2026-11-22T11:19:22.500000',
          },
        },
      },
      {
        uniqueId: 'u',
        kind: 'cast',
        topic: 'cinder-scheduler',
        server: null,
        payload: {
          method: 'notify_service_capabilities',
          version: '3.5',
          context: { request_id: 'req-1' },
          args: {
            service_name: 'volume',
            backend: 'aa@nfs1',
            capabilities: CAPABILITIES,
            timestamp: '2026-11-22T11:19:22.500000',
          },
        },
      },
    ]);
    expect(driver.provisioned).toEqual(new Map([['server:/share', 9]]));
  });

  it('sends null for no cluster, and the host as the backend', async () => {
    create({ backend: { host: 'node1@nfs1', cluster: null } }).start();
    await settle();
    expect(sent[0]?.payload['args']).toMatchObject({ host: 'node1@nfs1', cluster_name: null });
    expect(sent[1]?.payload['args']).toMatchObject({ backend: 'node1@nfs1' });
  });

  it('reads the time before the figures, so that the later look wins', async () => {
    const order: string[] = [];
    driver.stats = () => {
      order.push('figures');
      return Promise.resolve(NFS_STATS);
    };
    create({
      databaseTime: () => {
        order.push('time');
        return Promise.resolve('2026-11-22 11:19:22');
      },
    }).start();
    await settle();
    expect(order).toEqual(['time', 'figures']);
  });

  it('repeats itself at the interval', async () => {
    create().start();
    await settle();
    await settle(59_000);
    expect(sent).toHaveLength(2);
    await settle(1_000);
    expect(sent).toHaveLength(4);
  });

  it('makes one report of a burst of changes', async () => {
    create().start();
    await settle();
    for (let change = 0; change < 50; change += 1) reporter.reportSoon();
    await settle(1_900);
    expect(sent).toHaveLength(2);
    await settle(100);
    expect(sent).toHaveLength(4);
    reporter.reportSoon();
    await settle(2_000);
    expect(sent).toHaveLength(6);
  });

  it('reports when a scheduler asks, once more for all that ask during a report', async () => {
    create().start();
    await settle();
    const backend = { publishCapabilities: () => reporter.reportNow() };
    const method = publishServiceCapabilities({ backend } as unknown as ServicePorts);
    expect(method).toMatchObject({ name: 'publish_service_capabilities', kind: 'cast' });
    const ask = () => method.run({}, {} as never);
    await ask();
    await settle();
    expect(sent).toHaveLength(4);
    driver.statsOutcome = 'hang';
    await ask();
    await settle();
    await Promise.all([ask(), ask(), ask()]);
    driver.statsOutcome = NFS_STATS;
    await settle(60_000);
    expect(driver.statsCalls).toBe(4);
  });

  it('asks the driver at once for whoever wants to know, without a report', async () => {
    create();
    const { signal } = new AbortController();
    expect((await reporter.figures(signal)).capabilities).toEqual(NFS_STATS.capabilities);
    expect(sent).toEqual([]);
    driver.statsOutcome = 'hang';
    const patience = new AbortController();
    const asked = reporter.figures(patience.signal);
    patience.abort(new Error('gave up'));
    await expect(asked).rejects.toThrow('gave up');
  });

  it('says nothing for a driver that is not up', async () => {
    ready = false;
    create().start();
    await settle();
    expect(sent).toEqual([]);
    expect(log.at('warn')[0]?.message).toContain('not initialized');
  });

  it('outlives figures that fail or hang, and a broker that is away', async () => {
    driver.statsOutcome = new Error('stale handle');
    create().start();
    await settle();
    driver.statsOutcome = 'hang';
    await settle(60_000);
    expect(sent).toEqual([]);
    await settle(60_000);
    expect(log.at('warn').map(({ fields }) => (fields as { err: Error }).err.message)).toEqual([
      'stale handle',
      'capabilities of node1@nfs1: no answer within 60000 ms',
    ]);
    driver.statsOutcome = NFS_STATS;
    await settle(60_000);
    expect(sent).toHaveLength(2);
    expect(reporter.last?.report.capabilities).toEqual(CAPABILITIES);
  });

  it('stops at once in the middle of a report', async () => {
    driver.statsOutcome = 'hang';
    create().start();
    await settle();
    await reporter.stop();
    expect(sent).toEqual([]);
    expect(log.at('warn')).toEqual([]);
  });
});
