import { table } from '../cli/table.ts';
import { operationNames, type Done } from './demo-load.ts';
import type { ReplicaFigures } from './replica-figures.ts';

/** Per operation: asked, done, failed, median and worst time. */
export function operationTable(done: readonly Done[], skipped: string | null): string {
  const rows = operationNames.map((operation) => {
    const all = done.filter((one) => one.operation === operation);
    const good = all.filter(({ problem }) => problem === null);
    const times = good.map(({ tookMs }) => tookMs).sort((a, b) => a - b);
    const [median, worst] = [times[Math.floor(times.length / 2)], times.at(-1)];
    return [operation, all.length, good.length, all.length - good.length, seconds(median), seconds(worst)];
  });
  const text = table(['operation', 'asked', 'done', 'failed', 'median', 'worst'], rows);
  return skipped === null ? text : `${text}\nnot asked for: snapshots and copies, because ${skipped}`;
}

export function replicaTable(replicas: readonly ReplicaFigures[]): string {
  const rows = replicas.map(({ name, state, done, takenOver, lockWaits }) => [
    name,
    state,
    done,
    takenOver,
    lockWaits === null ? '-' : `${lockWaits.count}, ${lockWaits.seconds.toFixed(1)} s in all`,
  ]);
  return table(['replica', 'state', 'done', 'taken over', 'lock waits'], rows);
}

function seconds(ms: number | undefined): string {
  return ms === undefined ? '-' : `${(ms / 1000).toFixed(2)} s`;
}
