import koffi from 'koffi';

/*
 * Counts the processes that a service starts, by the kernel's own reports (the netlink "process events connector"),
 * so that none is missed however short it lives and nothing is put in its way. Needs root; elsewhere nothing is counted.
 */
const AF_NETLINK = 16;
const SOCK_DGRAM = 2;
const NETLINK_CONNECTOR = 11;
const SOL_SOCKET = 1;
const SO_RCVBUFFORCE = 33;
const MSG_DONTWAIT = 0x40;
const CN_IDX_PROC = 1;
const PROC_EVENT_FORK = 1;

/** nlmsghdr is 16 bytes, cn_msg 20; then `struct proc_event`: what (0), cpu (4), timestamp (8), the event (16). */
const eventAt = 36;
const fork = { parentTgid: eventAt + 20, childPid: eventAt + 24, childTgid: eventAt + 28 } as const;

const libc = koffi.load(null);
const socket = libc.func('int socket(int domain, int type, int protocol)');
const bind = libc.func('int bind(int fd, const void *address, uint32_t length)');
const setsockopt = libc.func('int setsockopt(int fd, int level, int name, const void *value, uint32_t length)');
const send = libc.func('long send(int fd, const void *buffer, size_t length, int flags)');
const recv = libc.func('long recv(int fd, _Out_ void *buffer, size_t length, int flags)');
const close = libc.func('int close(int fd)');

const pollMs = 20;

export class ForkCounter {
  readonly #fd: number;
  readonly #timer: NodeJS.Timeout;
  readonly #members = new Set<number>();
  readonly #buffer = Buffer.alloc(4096);
  #forks = 0;

  private constructor(fd: number) {
    this.#fd = fd;
    this.#timer = setInterval(() => this.#drain(), pollMs);
  }

  /** Undefined where the kernel does not report to us. */
  static open(): ForkCounter | undefined {
    if (process.getuid?.() !== 0) return undefined;
    const fd = socket(AF_NETLINK, SOCK_DGRAM, NETLINK_CONNECTOR) as number;
    if (fd < 0) return undefined;
    const size = Buffer.alloc(4);
    size.writeInt32LE(8 * 1024 * 1024);
    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, size, size.length);
    const address = Buffer.alloc(12);
    address.writeUInt16LE(AF_NETLINK, 0);
    address.writeUInt32LE(0, 4); // the kernel chooses our address
    address.writeUInt32LE(CN_IDX_PROC, 8);
    if (bind(fd, address, address.length) !== 0 || send(fd, listenRequest(), 40, 0) !== 40) {
      close(fd);
      return undefined;
    }
    return new ForkCounter(fd);
  }

  /** From now on what these processes and their descendants start is counted. */
  follow(pids: readonly number[]): void {
    for (const pid of pids) this.#members.add(pid);
  }

  /** So far. */
  get forks(): number {
    this.#drain();
    return this.#forks;
  }

  close(): void {
    clearInterval(this.#timer);
    close(this.#fd);
  }

  #drain(): void {
    for (;;) {
      const length = recv(this.#fd, this.#buffer, this.#buffer.length, MSG_DONTWAIT) as number;
      if (length < eventAt + 32) {
        if (length < 0) return;
        continue;
      }
      if (this.#buffer.readUInt32LE(eventAt) !== PROC_EVENT_FORK) continue;
      const child = this.#buffer.readInt32LE(fork.childPid);
      const isThread = child !== this.#buffer.readInt32LE(fork.childTgid);
      if (isThread || !this.#members.has(this.#buffer.readInt32LE(fork.parentTgid))) continue;
      this.#members.add(child);
      this.#forks += 1;
    }
  }
}

/** "Send me the events": nlmsghdr, cn_msg (id, sequence, length) and PROC_CN_MCAST_LISTEN. */
function listenRequest(): Buffer {
  const message = Buffer.alloc(40);
  message.writeUInt32LE(40, 0);
  message.writeUInt16LE(3, 4); // NLMSG_DONE
  message.writeUInt32LE(CN_IDX_PROC, 16);
  message.writeUInt32LE(1, 20); // CN_VAL_PROC
  message.writeUInt16LE(4, 32);
  message.writeUInt32LE(1, 36); // PROC_CN_MCAST_LISTEN
  return message;
}
