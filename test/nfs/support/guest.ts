import { readFileSync } from 'node:fs';
import { createConnection, type Socket } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { freePort } from '../../support/free-port.ts';
import { startServerProcess, threeTimes, type ServerProcess } from '../../support/server-process.ts';
import type { GuestImage } from './guest-image.ts';
import { qmp } from './qmp.ts';

/** A program in a guest; each line that it prints is awaited by `line`. */
export interface GuestProgram {
  /** The next line that it prints; rejects when it has ended. */
  line(): Promise<string>;
  send(line: string): void;
  /** SIGKILL. */
  kill(): void;
}

/** Of the end of a console's log, in an error. */
const mostWords = 2_000;

const logFileOf = (dir: string, name: string): string => join(dir, `${name}.log`);
const qmpSocketOf = (dir: string, name: string): string => join(dir, `${name}.qmp`);

/** A virtual machine with a kernel, and so an NFS client, of its own. */
export class Guest {
  readonly name: string;
  /** On the host's loopback: programs are started through it (inside/agent.mjs). */
  readonly agentPort: number;
  readonly #process: ServerProcess;
  readonly #qmpSocket: string;
  /** What its console has said, standard errors of its programs among it. */
  readonly #logFile: string;

  private constructor(parts: Pick<Guest, 'name' | 'agentPort'> & { process: ServerProcess; dir: string }) {
    const { name, dir } = parts;
    this.name = name;
    this.agentPort = parts.agentPort;
    this.#process = parts.process;
    this.#qmpSocket = qmpSocketOf(dir, name);
    this.#logFile = logFileOf(dir, name);
  }

  /** Boots it. The host's loopback is 10.0.2.2 there. `dir` gets its console's log. */
  static start(name: string, image: GuestImage, dir: string): Promise<Guest> {
    return threeTimes(async () => {
      const port = await freePort();
      const process = await startServerProcess({
        name: `guest ${name}`,
        argv: ['qemu-system-x86_64', ...machine(name, image, port, qmpSocketOf(dir, name))],
        cwd: dir,
        logFile: logFileOf(dir, name),
        ready: async () => {
          const socket = open(port, ['echo', 'up']);
          const timer = setTimeout(() => socket.destroy(), 10_000);
          const said = await text(socket).finally(() => clearTimeout(timer));
          if (said !== 'up\n') throw new Error('its agent does not answer');
        },
        readyWithinMs: 300_000,
      });
      return new Guest({ name, agentPort: port, process, dir });
    });
  }

  /** Runs a shell script to its end and returns what it printed. @throws Error where its status is not 0 */
  async run(script: string): Promise<string> {
    const socket = open(this.agentPort, ['sh', '-c', `{ ${script}\n} 2>&1; echo "=$?"`]);
    const said = await text(socket);
    const [, output = '', status] = /^([^]*)=(\d+)\n$/.exec(said) ?? [];
    if (status !== '0') throw new Error(`guest ${this.name}: ${script}: status ${status ?? 'none'}: ${said}`);
    return output;
  }

  program(...argv: readonly [string, ...string[]]): GuestProgram {
    const socket = open(this.agentPort, argv);
    const lines = createInterface({ input: socket })[Symbol.asyncIterator]();
    return {
      line: async () => {
        const next = await lines.next();
        if (next.done === true)
          throw new Error(`${argv.join(' ')} has ended in guest ${this.name}: ${this.#lastWords()}`);
        return next.value;
      },
      send: (line) => void socket.write(`${line}\n`),
      kill: () => void socket.destroy(),
    };
  }

  #lastWords(): string {
    return readFileSync(this.#logFile, 'utf8').slice(-mostWords);
  }

  /** As a hypervisor that pauses a machine: no instruction runs, and the guest's own clocks stand still. */
  async pause(): Promise<void> {
    await qmp(this.#qmpSocket, 'stop');
  }

  async unpause(): Promise<void> {
    await qmp(this.#qmpSocket, 'cont');
  }

  /** As a host without a processor to spare: no instruction runs, and the guest's clocks go on. */
  freeze(): void {
    this.#process.signal('SIGSTOP');
  }

  thaw(): void {
    this.#process.signal('SIGCONT');
  }

  /** As a power failure. */
  stop(): Promise<void> {
    return this.#process.stop(0);
  }
}

function machine(name: string, image: GuestImage, port: number, qmpSocket: string): string[] {
  const line = `console=ttyS0 quiet panic=-1 GUEST_NAME=${name} AGENT="${image.agent} 7000"`;
  return [
    // The processor in software: /dev/kvm is missing, or hangs, on many a machine that is itself a guest.
    ...['-accel', 'tcg', '-cpu', 'max', '-m', '1024', '-nodefaults', '-no-reboot'],
    ...['-kernel', image.kernel, '-initrd', image.initrd, '-append', line],
    ...['-netdev', `user,id=net,hostfwd=tcp:127.0.0.1:${port}-10.0.2.15:7000`, '-device', 'virtio-net-pci,netdev=net'],
    ...['-device', 'virtio-rng-pci', '-qmp', `unix:${qmpSocket},server=on,wait=off`],
    ...['-display', 'none', '-serial', 'stdio'],
  ];
}

function open(port: number, argv: readonly string[]): Socket {
  const socket = createConnection({ host: '127.0.0.1', port });
  socket.on('error', () => undefined);
  socket.write(`${JSON.stringify({ argv })}\n`);
  return socket;
}
