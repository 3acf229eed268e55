import { cpus, loadavg, release, totalmem } from 'node:os';
import { messageOf } from '../../src/kernel/errors.ts';
import { withTempDir } from '../../test/support/temp-dir.ts';
import { handOverText, measureHandOver } from './hand-over.ts';
import { toozVersion } from './members.ts';
import { measureMixed, mixedText, shareOf, type MixedResult } from './mixed.ts';
import { lockBenchUsage, parseLockBenchOptions, type LockBenchOptions } from './options.ts';
import { startService, type LockService } from './services.ts';
import { runStudy } from './study.ts';

/* npm run bench:locks: see docs/bench.md. */

async function bench(options: LockBenchOptions, dir: string): Promise<void> {
  const tooz = toozVersion();
  const sides = options.sides.filter((side) => side === 'ours' || tooz !== undefined);
  const machine = `${cpus().length} × ${cpus()[0]?.model ?? 'CPU'}, ${Math.round(totalmem() / 2 ** 30)} GiB, Linux ${release()}`;
  const peer = tooz === undefined ? 'Python’s Tooz is not there' : `Tooz ${tooz}`;
  const where = `${new Date().toISOString().slice(0, 10)}, ${machine}, Node ${process.versions.node}, ${peer}, load ${loadavg()[0]?.toFixed(1) ?? ''}`;
  console.log(where);
  const services = await startServices(options, dir);
  try {
    switch (options.command) {
      case 'study':
        await runStudy({ services, sides, seconds: options.seconds, out: options.out, where });
        return;
      case 'hand-over':
        console.log(handOverText(await measureHandOver(services, sides, options.seconds)));
        return;
      case 'mixed':
        if (tooz === undefined) throw new Error(`mixed needs python3-tooz: ${peer}`);
        await mixed(services, dir, options.seconds);
        return;
    }
  } finally {
    await Promise.all(services.map((service) => service.stop()));
  }
}

/** One after the other, so that each is measured as the others are. */
async function startServices(options: LockBenchOptions, dir: string): Promise<readonly LockService[]> {
  const services: LockService[] = [];
  for (const name of options.services) {
    const service = await startService(name, dir);
    if (service === undefined) console.error(`${name} is not on this machine: left out`);
    else services.push(service);
  }
  return services;
}

async function mixed(services: readonly LockService[], dir: string, seconds: number): Promise<void> {
  const results: MixedResult[] = [];
  for (const service of services) results.push(await measureMixed(service, dir, seconds));
  console.log(mixedText(results, seconds));
  const bad = results.filter((result) => result.lost !== 0);
  if (bad.length > 0) throw new Error(`updates were lost on ${bad.map(({ service }) => service).join(', ')}`);
  const small = results.filter((result) => shareOf(result) < 0.5);
  if (small.length > 0) console.log(`less than half for a Tooz process: ${small.map((r) => r.service).join(', ')}`);
}

try {
  const options = parseLockBenchOptions(process.argv.slice(2));
  if (options === 'help') console.log(lockBenchUsage);
  else await withTempDir((dir) => bench(options, dir));
} catch (error) {
  console.error(messageOf(error));
  process.exitCode = 1;
}
