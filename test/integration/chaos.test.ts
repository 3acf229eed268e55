import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { eventLine } from '../chaos/history.ts';
import { replayCommand, type ChaosOptions } from '../chaos/options.ts';
import { eventsOf, runChaos } from '../chaos/run.ts';
import { buildOnce } from '../support/shared-servers.ts';

/*
 * A short run of the fault laboratory (test/chaos): three replicas on PostgreSQL, RabbitMQ and file locks, killed and
 * frozen at any moment and at steps of their work, while users ask for much at once.
 */

let program: string;

beforeAll(async () => {
  program = join(await buildOnce(), 'src/main.js');
}, 180_000);

describe('replicas that are killed and frozen under load', () => {
  it('lose nothing, do nothing twice and leave nothing over', { timeout: 400_000 }, async () => {
    const options: ChaosOptions = {
      ...{ replicas: 3, seconds: 30, phaseSeconds: 15, seed: 4711, faults: ['kill', 'stop', 'restart'] },
      ...{ locks: 'file', users: 8, keep: false },
    };
    const said: string[] = [];
    const report = await runChaos(options, { program, say: (line) => said.push(line) });
    const events = report.differences.length === 0 ? [] : eventsOf(report);
    const told = [...said, ...events.slice(-100).map(eventLine), report.dir, replayCommand(options)].join('\n');
    expect(report.differences, told).toEqual([]);
    expect(report.requests, told).toBeGreaterThan(20);
    expect(report.kills + report.freezes, told).toBeGreaterThan(4);
  });
});
