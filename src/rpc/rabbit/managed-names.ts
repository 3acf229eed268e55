import { closeSync, openSync } from 'node:fs';
import { InvalidInputError, messageOf } from '../../kernel/errors.ts';
import { tryOfdLock } from '../../native/ofd-lock.ts';
import type { QueueNames } from '../queue-names.ts';

/** Processes of one name on one host; each takes the first number that is free. */
const mostProcesses = 1000;

/** Queues of one process: a few for each backend. */
const mostQueues = 1000;

export interface ManagedNamesOptions {
  readonly hostname: string;
  readonly processname: string;
  /** Where the processes of this host see one another's files, and find none after a restart of the machine. */
  readonly folder?: string;
}

/**
 * `use_queue_manager`: queues that have the same names after a restart, so that the broker need not make new ones for
 * ever (each name costs it an atom, of which it has five million).
 *
 * The form is oslo.messaging's, `<host>:<process>:<n>`, the numbers are not: oslo counts from 1 in every process group,
 * so two services of one process name on one host would read one queue, each half of it. Here a process holds a lock on
 * its place among those of its name, and its numbers follow from that; whoever comes after a killed one gets its place
 * and so its queues.
 */
export class ManagedNames implements QueueNames {
  readonly #options: Required<ManagedNamesOptions>;
  #place: { readonly index: number; readonly fd: number } | undefined;
  #given = 0;

  constructor({ hostname, processname, folder = '/dev/shm' }: ManagedNamesOptions) {
    this.#options = { hostname, processname, folder };
  }

  fanout(topic: string): string {
    return `${topic}_fanout_${this.#next()}`;
  }

  reply(): string {
    return `reply_${this.#next()}`;
  }

  /** Another process may have the names from now on. */
  close(): void {
    if (this.#place !== undefined) closeSync(this.#place.fd);
    this.#place = undefined;
  }

  #next(): string {
    this.#place ??= takePlace(this.#options);
    this.#given += 1;
    if (this.#given >= mostQueues) throw refuse(`has given ${mostQueues} names to one process`);
    const { hostname, processname } = this.#options;
    return `${hostname}:${processname}:${this.#place.index * mostQueues + this.#given}`;
  }
}

function takePlace({ hostname, processname, folder }: Required<ManagedNamesOptions>): { index: number; fd: number } {
  for (let index = 0; index < mostProcesses; index += 1) {
    const path = `${folder}/${fileName(hostname)}_${fileName(processname)}_cinder-volume-aa_${index}`;
    const fd = open(path);
    if (tryOfdLock(fd)) return { index, fd };
    closeSync(fd);
  }
  throw refuse(`found ${mostProcesses} processes called ${processname} on ${hostname}; is each meant to be here?`);
}

function open(path: string): number {
  try {
    return openSync(path, 'a', 0o600);
  } catch (cause) {
    throw refuse(`keeps names apart by a lock on ${path}, which cannot be opened: ${messageOf(cause)}`);
  }
}

/** `hostname` and `processname` come from outside; a slash in one must not lead anywhere else. */
function fileName(text: string): string {
  return encodeURIComponent(text);
}

function refuse(problem: string): InvalidInputError {
  return new InvalidInputError('[oslo_messaging_rabbit] use_queue_manager', problem);
}
