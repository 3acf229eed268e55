import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { delimiter, join } from 'node:path';
import { buildOnce } from '../../support/shared-servers.ts';

/*
 * Where share helpers work: on this machine, or, in a run of these tests on real NFS clients (test/nfs), on others, in
 * turn, which have mounted the folder for temporary files at the path that it has here. Files say so, each a program for
 * this machine's Node: one stands for the helper, and one for each other machine runs there what it is given.
 */
const { TEST_SHARE_HELPER: helper, TEST_HELPER_MACHINES: runners } = process.env;

export const helperIsElsewhere = helper !== undefined;
const machines = runners?.split(delimiter) ?? [undefined];

/** The helper's file, as a driver takes it. */
export const helperEntry = async (): Promise<string> => helper ?? join(await buildOnce(), 'src/share-helper-entry.js');

/** How long a program takes there at most until it runs. */
export const startsWithinMs = helperIsElsewhere ? 20_000 : 3_000;

/** How long a test may take that works with a whole volume's data, or with many volumes. */
export const longTestMs = helperIsElsewhere ? 1_200_000 : 300_000;

/** How long a helper's call takes there, about: for a signal that is to race with it. */
export const callTakesMs = helperIsElsewhere ? 60 : 6;

/** Looks at the processes of the helpers' machines. */
export interface ProcessList {
  /** Of each process, its command line, and its environment: their words with blanks between them. */
  look(): Promise<readonly string[]>;
  stop(): void;
}

export function processList(): ProcessList {
  const lists = machines.map((machine) => {
    const child = startOn(machine, process.execPath, join(import.meta.dirname, 'process-list.mjs'));
    return { child, answers: createInterface({ input: child.stdout })[Symbol.asyncIterator]() };
  });
  const look = async ({ child, answers }: (typeof lists)[number]): Promise<readonly string[]> => {
    child.stdin.write('\n');
    const answer = await answers.next();
    if (answer.done === true) throw new Error('the list of processes has ended');
    return JSON.parse(answer.value) as string[];
  };
  return {
    look: async () => (await Promise.all(lists.map(look))).flat(),
    stop: () => lists.forEach(({ child }) => child.kill('SIGKILL')),
  };
}

/**
 * Has the image open as a running guest has, until it is closed. It does so on one of those machines, because the server
 * of a share need not tell clients of locks that its own machine's programs have.
 */
export async function openImage(format: 'raw' | 'qcow2', path: string): Promise<{ close(): void }> {
  const holder = startOn(machines[0], 'qemu-io', '-f', format, path);
  // It answers when it has opened the image.
  holder.stdin.write('length\n');
  await once(holder.stdout, 'data');
  return { close: () => void holder.kill('SIGKILL') };
}

function startOn(machine: string | undefined, ...argv: readonly [string, ...string[]]) {
  const [program, ...rest] = machine === undefined ? argv : ([process.execPath, machine, ...argv] as const);
  return spawn(program, rest, { stdio: ['pipe', 'pipe', 'inherit'] });
}
