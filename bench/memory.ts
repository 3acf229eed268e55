import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { processTree } from '../test/support/process-tree.ts';

export interface ProcessMemory {
  /** `main`, or what the process runs; `short-lived` for what was seen only once. */
  readonly role: string;
  /** The most of this role that were alive at once. */
  readonly count: number;
  /** The largest VmHWM (peak resident set) of one of them. */
  readonly peakMb: number;
}

export interface MemoryReport {
  readonly processes: readonly ProcessMemory[];
  /** The largest sum of VmRSS of the whole tree in one look. Pages that processes share are counted for each. */
  readonly peakTotalMb: number;
  /** The largest sum of Pss (shared pages are divided among their users), if it could be read. */
  readonly peakTotalPssMb: number | null;
}

const everyMs = 200;

/** One process, over its life. */
interface Seen {
  readonly role: string;
  looks: number;
  peakMb: number;
}

/** Looks at a service's processes from time to time; VmHWM is the kernel's own peak and misses nothing between. */
export class MemoryWatch {
  readonly #roots: readonly number[];
  readonly #rootRole: string;
  readonly #timer: NodeJS.Timeout;
  readonly #seen = new Map<number, Seen>();
  readonly #atOnce = new Map<string, number>();
  #peakTotalMb = 0;
  #peakTotalPssMb: number | null = null;

  /** `rootRole`: what the processes themselves are called in the report; their descendants are called what they run. */
  constructor(roots: readonly number[], rootRole: string) {
    this.#roots = roots;
    this.#rootRole = rootRole;
    this.#timer = setInterval(() => this.#look(), everyMs);
  }

  stop(): MemoryReport {
    clearInterval(this.#timer);
    this.#look();
    return {
      processes: this.#processes(),
      peakTotalMb: this.#peakTotalMb,
      peakTotalPssMb: this.#peakTotalPssMb,
    };
  }

  #look(): void {
    const alive = new Map<string, number>();
    let totalMb = 0;
    let pssMb = 0;
    for (const pid of this.#roots.flatMap(processTree)) {
      const memory = memoryOf(pid);
      if (memory === undefined) continue;
      const seen = this.#seen.get(pid) ?? { role: this.#roleOf(pid), looks: 0, peakMb: 0 };
      this.#seen.set(pid, seen);
      seen.looks += 1;
      seen.peakMb = Math.max(seen.peakMb, memory.peakMb);
      // What is seen a first time may be a child between fork and exec, which still looks like its parent.
      if (seen.looks > 1) alive.set(seen.role, (alive.get(seen.role) ?? 0) + 1);
      totalMb += memory.nowMb;
      pssMb += memory.pssMb;
    }
    for (const [role, count] of alive) this.#atOnce.set(role, Math.max(this.#atOnce.get(role) ?? 0, count));
    this.#peakTotalMb = Math.max(this.#peakTotalMb, totalMb);
    if (pssMb > 0) this.#peakTotalPssMb = Math.max(this.#peakTotalPssMb ?? 0, pssMb);
  }

  #roleOf(pid: number): string {
    return this.#roots.includes(pid) ? this.#rootRole : programOf(pid);
  }

  #processes(): ProcessMemory[] {
    const peaks = new Map<string, number>();
    for (const { role, looks, peakMb } of this.#seen.values()) {
      const name = looks > 1 ? role : 'short-lived';
      peaks.set(name, Math.max(peaks.get(name) ?? 0, peakMb));
    }
    return [...peaks].map(([role, peakMb]) => ({ role, count: this.#atOnce.get(role) ?? 0, peakMb }));
  }
}

function memoryOf(pid: number): { nowMb: number; peakMb: number; pssMb: number } | undefined {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    const mb = (text: string, name: string): number =>
      Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)?.[1] ?? 0) / 1024;
    const pss = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
    return { nowMb: mb(status, 'VmRSS'), peakMb: mb(status, 'VmHWM'), pssMb: mb(pss, 'Pss') };
  } catch {
    return undefined; // it has ended
  }
}

/** The script's name for an interpreter, the program's for all else. */
function programOf(pid: number): string {
  try {
    const argv = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
    const program = basename(argv[0] ?? '');
    if (!/^(node|python3?[0-9.]*)$/.test(program)) return program || 'ended';
    const script = argv.slice(1).find((argument) => argument !== '' && !argument.startsWith('-'));
    return script === undefined ? program : basename(script);
  } catch {
    return 'ended';
  }
}
