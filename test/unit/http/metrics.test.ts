import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { EventLoopDelay } from '../../../src/kernel/event-loop-delay.ts';
import { Metrics, type MetricSources, type ShareFigures } from '../../../src/http/metrics.ts';

const quiet: MetricSources = {
  inFlight: () => 3,
  parked: () => 2,
  locksHeld: () => 5,
  locksWaitedFor: () => 1,
  members: () => [{ meeting: 'meets' }, { meeting: 'meets' }, { meeting: 'apart' }],
  backends: () => [
    { backend: 'nfs1', ready: true },
    { backend: 'nfs2', ready: false },
  ],
  shares: () => [],
  uncarried: () => [
    { type: 'Volume', status: 'creating' },
    { type: 'Volume', status: 'creating' },
    { type: 'Snapshot', status: 'updating' },
  ],
  loopDelay: () => ({ meanMs: 1, p99Ms: 20, maxMs: 250 }),
};

const lines = async (metrics: Metrics): Promise<string[]> => (await metrics.text()).split('\n');

describe('metrics', () => {
  it('says what happened', async () => {
    const metrics = new Metrics(quiet);
    for (const seconds of [0.2, 40]) {
      metrics.count({ what: 'operation-ended', operation: 'create_volume', outcome: 'done', seconds });
    }
    metrics.count({ what: 'lock-waited', outcome: 'had', seconds: 0.002 });
    metrics.count({ what: 'adopted', origin: 'peer' });
    for (const what of ['lock-lost', 'redelivered', 'duplicate', 'claim-lost', 'broker-lost'] as const) {
      metrics.count({ what });
    }
    expect(await lines(metrics)).toEqual(
      expect.arrayContaining([
        'cinder_volume_aa_operation_duration_seconds_bucket{le="0.25",operation="create_volume",outcome="done"} 1',
        'cinder_volume_aa_operation_duration_seconds_count{operation="create_volume",outcome="done"} 2',
        'cinder_volume_aa_lock_wait_seconds_count{outcome="had"} 1',
        'cinder_volume_aa_locks_lost_total 1',
        'cinder_volume_aa_redeliveries_total 1',
        'cinder_volume_aa_duplicates_total 1',
        'cinder_volume_aa_adopted_total{origin="peer"} 1',
        'cinder_volume_aa_claims_lost_total 1',
        'cinder_volume_aa_broker_connections_lost_total 1',
      ]),
    );
  });

  it('says how things stand at the scrape', async () => {
    expect(await lines(new Metrics(quiet))).toEqual(
      expect.arrayContaining([
        'cinder_volume_aa_operations_in_flight 3',
        'cinder_volume_aa_operations_parked 2',
        'cinder_volume_aa_locks_held 5',
        'cinder_volume_aa_locks_waited_for 1',
        'cinder_volume_aa_members{meeting="meets"} 2',
        'cinder_volume_aa_members{meeting="apart"} 1',
        'cinder_volume_aa_members{meeting="unsure"} 0',
        'cinder_volume_aa_backend_ready{backend="nfs1"} 1',
        'cinder_volume_aa_backend_ready{backend="nfs2"} 0',
        'cinder_volume_aa_rows_uncarried{type="volume",status="creating"} 2',
        'cinder_volume_aa_rows_uncarried{type="snapshot",status="updating"} 1',
        'cinder_volume_aa_event_loop_delay_seconds{of="max"} 0.25',
      ]),
    );
  });

  it('forgets a share that is gone, and the figures of one that is hung', async () => {
    const capacity = { totalGb: 2, freeGb: 1, provisionedGb: 0.5 };
    let shares: ShareFigures[] = [
      { backend: 'nfs1', share: 'a:/x', capacity },
      { backend: 'nfs1', share: 'b:/y', capacity },
    ];
    const metrics = new Metrics({ ...quiet, shares: () => shares });
    expect(await lines(metrics)).toEqual(
      expect.arrayContaining([
        'cinder_volume_aa_share_size_bytes{backend="nfs1",share="a:/x"} 2147483648',
        'cinder_volume_aa_share_free_bytes{backend="nfs1",share="b:/y"} 1073741824',
        'cinder_volume_aa_share_provisioned_bytes{backend="nfs1",share="b:/y"} 536870912',
      ]),
    );
    shares = [{ backend: 'nfs1', share: 'a:/x', capacity: null }];
    const after = (await lines(metrics)).filter((line) => line.startsWith('cinder_volume_aa_share'));
    expect(after).toEqual(['cinder_volume_aa_share_up{backend="nfs1",share="a:/x"} 0']);
  });

  it('keeps two replicas in one process apart', async () => {
    const [one, other] = [new Metrics(quiet), new Metrics(quiet)];
    one.count({ what: 'lock-lost' });
    expect(await lines(other)).toContain('cinder_volume_aa_locks_lost_total 0');
  });
});

describe('event loop delay', () => {
  it('sees a stall, also when it is asked at its very end, and forgets it', async () => {
    const delay = new EventLoopDelay();
    expect(delay.read()).toEqual({ meanMs: 0, p99Ms: 0, maxMs: 0 });
    delay.start();
    try {
      await sleep(60);
      block(300);
      const readings = [delay.read().maxMs];
      for (let reading = 0; reading < 3; reading += 1) {
        await sleep(60);
        readings.push(delay.read().maxMs);
      }
      expect(Math.max(...readings)).toBeGreaterThan(200);
      // How late timers are on a busy machine is not ours to say, but this stall is over.
      expect(readings.at(-1)).toBeLessThan(200);
    } finally {
      delay.stop();
    }
  });
});

function block(ms: number): void {
  const until = performance.now() + ms;
  while (performance.now() < until);
}
