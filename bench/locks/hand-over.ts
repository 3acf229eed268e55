import { table } from '../../src/cli/table.ts';
import { runMembers, type Side } from './members.ts';
import type { LockService } from './services.ts';
import { farMs, measureUncontended, type Uncontended } from './uncontended.ts';
import type { Turn } from './member-task.ts';
import { oneAfterTheOther, summaryOf, type TurnsSummary } from './turns.ts';

const members = 4;
const holdMs = 1;

interface HandOver {
  readonly service: string;
  readonly side: Side;
  readonly turns: TurnsSummary;
}

export interface HandOverReport {
  readonly handOvers: readonly HandOver[];
  readonly uncontended: readonly (Uncontended & { readonly service: string })[];
}

/** Four processes on one lock, each of which holds it for a millisecond and asks again; and one that is alone. */
export async function measureHandOver(
  services: readonly LockService[],
  sides: readonly Side[],
  seconds: number,
): Promise<HandOverReport> {
  const handOvers: HandOver[] = [];
  const uncontended: HandOverReport['uncontended'][number][] = [];
  for (const service of services) {
    const runs = new Map<Side, (readonly (readonly Turn[])[])[]>(sides.map((side) => [side, []]));
    // There and back, so that neither has the service at its coldest alone.
    for (const side of [...sides, ...sides.toReversed()]) {
      console.error(`hand-over on ${service.name}, ${side} …`);
      const half = { seconds: seconds / 2, holdMs, counter: null };
      const task = { kind: 'turns', url: service.url, lock: `${side}-turns`, ...half } as const;
      const results = await runMembers(Array.from({ length: members }, () => ({ side, task })));
      runs.get(side)?.push(results.map(({ turns }) => turns));
    }
    for (const [side, ofSide] of runs) {
      handOvers.push({ service: service.name, side, turns: summaryOf(oneAfterTheOther(ofSide)) });
    }
    uncontended.push({ service: service.name, ...(await measureUncontended(service)) });
  }
  return { handOvers, uncontended };
}

export function handOverText({ handOvers, uncontended }: HandOverReport): string {
  const ms = (value: number): string => value.toFixed(2);
  return [
    `Four processes on one lock, held ${holdMs} ms:`,
    table(
      [
        'Service',
        'Client',
        'Acquisitions/s',
        'Hand-overs/s',
        'Wait p50 ms',
        'p99.9 ms',
        'worst ms',
        'p99.9 : p50',
        'Overtaken at most',
        'Cost of an acquisition ms',
        'of a hand-over ms',
      ],
      handOvers.map(({ service, side, turns }) => [
        service,
        side,
        (turns.acquisitions / turns.seconds).toFixed(0),
        (turns.handOvers / turns.seconds).toFixed(0),
        ms(turns.wait.medianMs),
        ms(turns.wait.p999Ms),
        ms(turns.wait.worstMs),
        (turns.wait.p999Ms / turns.wait.medianMs).toFixed(1),
        turns.mostOvertaken,
        ms(turns.costMs),
        ms(turns.handOverMs),
      ]),
    ),
    '',
    'A lock that nobody else wants, taken and given back (medians):',
    table(
      ['Service', 'Network', 'Ours ms', 'Bare client ms', 'Ratio'],
      uncontended.flatMap(({ service, near, far }) =>
        [
          { network: 'loopback', ...near },
          ...(far === undefined ? [] : [{ network: `${farMs} ms each way`, ...far }]),
        ].map(({ network, oursMs, bareMs }) => [
          service,
          network,
          ms(oursMs),
          bareMs === undefined ? '–' : ms(bareMs),
          bareMs === undefined ? '–' : (oursMs / bareMs).toFixed(2),
        ]),
      ),
    ),
  ].join('\n');
}
