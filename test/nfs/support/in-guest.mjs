/*
 * Programs that work in a guest: what is started on the host passes its standard input and output on. The files that
 * tests and drivers start are made by the rig, because a share helper's environment tells it nothing.
 */
import { appendFileSync, readFileSync, statSync } from 'node:fs';
import { createConnection } from 'node:net';
import { createInterface } from 'node:readline';

/** Until either ends: the program is killed with this process, and this process with the program. */
export function runInGuest(port) {
  process.stdin.pipe(start(port, process.argv.slice(2)));
}

/**
 * The helper has its machine's own clock: deadlines are told by that. Where there are several machines, each helper works
 * in another than the one before, whose caches it has not: `turns` is a file that counts.
 */
export async function runHelperInGuest(ports, turns, argv) {
  appendFileSync(turns, '.');
  const port = ports[statSync(turns).size % ports.length];
  const socket = start(port, [...argv, ...process.argv.slice(2)]);
  // As the helper itself: the driver decides when it ends.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => undefined);
  const aheadMs = await clockAheadMs(port);
  const there = (deadlineMs) => deadlineMs && deadlineMs + aheadMs;
  const lines = createInterface({ input: process.stdin });
  lines.on('close', () => socket.end());
  lines.on('line', (line) => {
    const message = JSON.parse(line);
    if (message.op === 'call') message.deadlineMs = there(message.deadlineMs);
    if (message.op === 'renew') message.deadlines = message.deadlines.map(([id, deadline]) => [id, there(deadline)]);
    socket.write(`${JSON.stringify(message)}\n`);
  });
}

function start(port, argv) {
  const { UV_THREADPOOL_SIZE } = process.env;
  const socket = connect(port, argv, { UV_THREADPOOL_SIZE });
  socket.pipe(process.stdout);
  socket.on('error', (error) => console.error(`the guest's agent: ${error.message}`));
  // A helper ends itself in this way.
  socket.on('close', () => process.kill(process.pid, 'SIGKILL'));
  return socket;
}

function connect(port, argv, env = {}) {
  const socket = createConnection({ host: '127.0.0.1', port });
  socket.write(`${JSON.stringify({ argv, env })}\n`);
  return socket;
}

/** How far the guest's CLOCK_BOOTTIME is ahead of ours, to a few hundredths of a second: the quickest of some answers. */
async function clockAheadMs(port) {
  const script = 'while read _; do read up _ </proc/uptime; echo "$up"; done';
  const socket = connect(port, ['sh', '-c', script]);
  const answers = createInterface({ input: socket })[Symbol.asyncIterator]();
  let best = { tookMs: Infinity, aheadMs: 0 };
  for (let n = 0; n < 5; n++) {
    const askedMs = upMs(readFileSync('/proc/uptime', 'utf8'));
    socket.write('\n');
    const { value } = await answers.next();
    const answeredMs = upMs(readFileSync('/proc/uptime', 'utf8'));
    const tookMs = answeredMs - askedMs;
    if (tookMs < best.tookMs) best = { tookMs, aheadMs: upMs(value) - (askedMs + answeredMs) / 2 };
  }
  socket.destroy();
  return best.aheadMs;
}

const upMs = (text) => 1000 * parseFloat(text);
