/*
 * A lock client as a process of its own, for tests: node member-process.mjs DIST JSON-OPTIONS COMMAND [ARGS…]
 *
 *   hold NAME            takes the lock, prints "held", releases it at a line on stdin and prints the result
 *   count NAME FILE N    N times: takes the lock and adds one to the number in FILE by reading, pausing and writing
 *   wait NAME            prints "waiting", then waits for the lock and keeps it
 *   block NAME MS        takes the lock, blocks its main loop for MS, prints whether the lease still holds
 *   orphan NAME MS       the same, after the thread that renews was ended and another one has taken its place
 */
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const [dist, json, command, name, ...args] = process.argv.slice(2);
const { createCoordinator } = await import(path.join(dist, 'src/create.js'));
const { BootClock } = await import(path.join(dist, 'src/boot-clock.js'));
const clock = new BootClock();
const quiet = () => undefined;
const log = { debug: quiet, info: quiet, warn: quiet, error: quiet, child: () => log };
const threads = [];
process.on('worker', (thread) => threads.push(thread));
const coordinator = createCoordinator({ clock, log, ...JSON.parse(json) });
await coordinator.start(AbortSignal.timeout(15_000));
const take = () => coordinator.acquire([name], { waitMs: 'forever', signal: new AbortController().signal });

const commands = {
  async hold() {
    const lease = await take();
    lease.signal.addEventListener('abort', () => console.log('lost'));
    console.log('held');
    await once(process.stdin, 'data');
    console.log(await lease.release());
  },
  async count() {
    const [file, times] = args;
    for (let i = 0; i < Number(times); i += 1) {
      const lease = await take();
      const before = Number(readFileSync(file, 'utf8'));
      await sleep(1);
      lease.assertHeld();
      writeFileSync(file, String(before + 1));
      await lease.release();
    }
    console.log('done');
  },
  async wait() {
    console.log('waiting');
    await take();
    await once(process.stdin, 'data');
  },
  async orphan() {
    const lease = await take();
    await threads[0].terminate();
    while (threads.length < 2 || !coordinator.health().ok) await sleep(10);
    await block(lease);
  },
  async block() {
    await block(await take());
  },
};
async function block(lease) {
  console.log('held');
  await sleep(50);
  const until = performance.now() + Number(args[0]);
  while (performance.now() < until);
  try {
    lease.assertHeld();
    console.log('kept');
  } catch {
    console.log('lost');
  }
  await lease.release();
}
await commands[command]();
await coordinator.stop({ force: AbortSignal.timeout(1000) });
process.exit(0);
