import { readFileSync } from 'node:fs';
import { processTree } from '../test/support/process-tree.ts';

/** `getconf CLK_TCK`, which Linux fixes for programs on every architecture. */
const msPerTick = 1000 / 100;

/**
 * Processor time in ms that these processes, their descendants and all children that have ended and been waited for
 * have taken since their start. Unlike a rate it hardly changes with what else the machine does.
 */
export function cpuMs(roots: readonly number[]): number {
  return roots.flatMap(processTree).reduce((sum, pid) => sum + ticksOf(pid), 0) * msPerTick;
}

/** utime, stime, cutime, cstime: fields 14 to 17 of proc(5)'s stat, whose name may hold blanks. */
function ticksOf(pid: number): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
  } catch {
    return 0; // it has ended: its parent has its time
  }
}
