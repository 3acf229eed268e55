import type { BenchOptions } from './options.ts';
import type { Servers } from './servers.ts';
import type { Side } from './side.ts';
import { makeSurroundings, type Surroundings } from './surroundings.ts';

/** The starts of one side with one number of volumes in its database. */
export interface StartResult {
  readonly side: string;
  readonly version: string;
  readonly readyMeans: string;
  readonly volumesInDatabase: number;
  /** One for each start, in their order. */
  readonly readyMs: readonly number[];
}

/**
 * Starts and stops a side `--starts` times with each number of `--volumes-in-database`, in turn: what else happens on
 * the machine in these minutes then falls on all of them alike, so that they can be compared.
 */
export async function measureStarts(
  side: Side,
  dir: string,
  servers: Servers,
  options: BenchOptions,
): Promise<StartResult[]> {
  const made: { readonly surroundings: Surroundings; readonly volumes: number; readonly readyMs: number[] }[] = [];
  try {
    for (const volumes of options.volumesInDatabase) {
      const name = `${side.name}-starts-${made.length + 1}`;
      const surroundings = await makeSurroundings(side, name, dir, servers, options, volumes);
      made.push({ surroundings, volumes, readyMs: [] });
    }
    for (let start = 0; start < options.starts; start += 1) {
      for (const { surroundings, readyMs } of made) {
        const service = await side.start(surroundings.context);
        readyMs.push(service.readyMs);
        await service.stop();
      }
    }
  } finally {
    for (const { surroundings } of made) await surroundings.close();
  }
  const { name, version, readyMeans } = side;
  return made.map(({ volumes, readyMs }) => ({ side: name, version, readyMeans, volumesInDatabase: volumes, readyMs }));
}
