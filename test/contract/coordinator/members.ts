import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import path from 'node:path';
import type { CoordinatorOptions } from '../../../src/coordination/create.ts';
import type { Coordinator } from '../../../src/coordination/coordinator.ts';
import { silentLogger } from '../../../src/log/logger.ts';
import { BootClock } from '../../../src/native/boot-clock.ts';
import { buildOnce } from '../../support/shared-servers.ts';

/** Settings that make losses visible within a test's patience. */
export type MemberOptions = Partial<CoordinatorOptions> & { readonly url: string };

export const defaults: Omit<CoordinatorOptions, 'url'> = {
  heartbeatMs: 200,
  initialReconnectBackoffMs: 20,
  maxReconnectBackoffMs: 200,
  safetyMarginMs: 200,
  silentMainLoopMs: 30_000,
  clock: new BootClock(),
  log: silentLogger,
};

/** The compiled module: its lock worker is a thread of plain JavaScript. */
export async function createBuilt(options: MemberOptions): Promise<Coordinator> {
  const dist = await buildOnce();
  const { createCoordinator } = (await import(/* @vite-ignore */ path.join(dist, 'src/create.js'))) as {
    createCoordinator: (options: CoordinatorOptions) => Coordinator;
  };
  return createCoordinator({ ...defaults, ...options });
}

/** A started coordinator. */
export async function startMember(options: MemberOptions): Promise<Coordinator> {
  const coordinator = await createBuilt(options);
  await coordinator.start(AbortSignal.timeout(15_000));
  return coordinator;
}

export const stopMember = (coordinator: Coordinator): Promise<void> =>
  coordinator.stop({ force: AbortSignal.timeout(1000) });

/** A process of its own that does what `member-process.mjs` can; each line it prints is awaited by `line`. */
export interface MemberProcess {
  readonly pid: number;
  /** The next line that it prints; rejects when it has ended. */
  line(): Promise<string>;
  send(command: string): void;
  kill(signal: NodeJS.Signals): void;
  readonly exited: Promise<number | null>;
}

/** Starts a TypeScript replica's lock client as a process. */
export async function spawnMember(...args: readonly string[]): Promise<MemberProcess> {
  const script = path.join(import.meta.dirname, 'member-process.mjs');
  return spawnLines(process.execPath, [script, await buildOnce(), ...args]);
}

export function spawnLines(program: string, args: readonly string[]): MemberProcess {
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  const { pid } = child;
  if (pid === undefined) throw new Error(`${program} cannot be started`);
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    pid,
    line: async () => {
      const next = await lines.next();
      if (next.done === true) throw new Error(`${program} has ended`);
      return next.value;
    },
    send: (command) => void child.stdin.write(`${command}\n`),
    kill: (signal) => void child.kill(signal),
    exited: new Promise((resolve) => child.once('exit', resolve)),
  };
}
