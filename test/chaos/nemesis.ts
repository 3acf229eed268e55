import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { backend } from './configuration.ts';
import type { History } from './history.ts';
import type { Lab, Tending } from './lab.ts';
import { cuts, type ServerName } from './links.ts';
import type { FaultName } from './options.ts';
import type { Random } from './random.ts';
import type { Part } from './replica-slot.ts';

/** One kind of fault: it strikes, lasts, and is over when the promise resolves. */
type Fault = (lab: Lab, random: Random, note: (what: string) => void) => Promise<void>;

/** The steps at which a process can be told to die or to stand still (`*`: any). */
const steps = [
  ...['journalled', 'locked', 'slot', 'claimed', 'loaded', 'ran', 'settled', 'released', 'adopted'],
  ...['sending', 'call locked', 'call saved'],
  ...[
    'volume-file',
    'delete-volume',
    'snapshot-overlay',
    'snapshot-info',
    'snapshot-merge',
    'snapshot-rebase',
    'snapshot-file',
    'snapshot-revert',
    'volume-growth',
    'image-leaks',
    'migration-copy',
    'volume-rename',
  ].flatMap((point) => [`commit:${point}`, `committing:${point}`]),
];

const faults: Readonly<Record<FaultName, Fault>> = {
  kill: async (lab, random, note) => {
    const slot = random.pick(lab.slots);
    if (slot?.isRunning() !== true) return;
    note(`${slot.name} is killed`);
    await slot.kill();
  },
  stop: async (lab, random, note) => {
    const slot = random.pick(lab.slots);
    if (slot?.isRunning() !== true || slot.isFrozen()) return;
    const part = random.pick<Part>(['main', 'main', 'all', 'helpers']) ?? 'main';
    const forMs = random.between(200, 6_000);
    note(`${slot.name} stands still (${part}) for ${forMs} ms`);
    slot.heldBy = 'stop';
    slot.freeze(part);
    await sleep(forMs);
    slot.thaw();
    slot.heldBy = undefined;
  },
  restart: async (lab, random, note) => {
    const slot = random.pick(lab.slots);
    if (slot?.isRunning() !== true) return;
    note(`${slot.name} is stopped in good order`);
    slot.heldBy = 'restart';
    await slot.stop(20_000);
    slot.heldBy = undefined;
  },
  partition: async (lab, random, note) => {
    const slot = random.pick(lab.slots);
    if (slot === undefined) return;
    const all: readonly ServerName[] = ['rabbit', 'postgres', 'locks'];
    const one = random.pick(all) ?? 'rabbit';
    const from = random.chance(0.4) ? all : [one];
    const [how, forMs] = [random.pick(cuts) ?? 'reset', random.between(300, 8_000)];
    note(`${slot.name} is cut off from ${from.join(', ')} (${how}) for ${forMs} ms`);
    slot.links.cut(from, how);
    await sleep(forMs);
    slot.links.heal();
  },
  broker: async (lab, random, note) => atOnce(lab, 'rabbit', random, note),
  database: async (lab, random, note) => atOnce(lab, 'postgres', random, note),
  repair,
  'lock-service': async (lab, random, note) => {
    const { locks } = lab.servers;
    if (locks === undefined || random.chance(0.3)) return atOnce(lab, 'locks', random, note);
    const forMs = random.between(200, 8_000);
    if (random.chance(0.5)) {
      note(`the lock service is killed, and comes back after ${forMs} ms`);
      await locks.kill();
      await sleep(forMs);
      return locks.restart();
    }
    note(`the lock service stands still for ${forMs} ms`);
    locks.pause();
    await sleep(forMs);
    locks.resume();
  },
};

/** An operator's `fsck --repair` beside all that: it may leave nothing worse than it was, also where it is killed. */
async function repair(lab: Lab, random: Random, note: (what: string) => void): Promise<void> {
  const configFile = join(lab.dir, 'driver.conf');
  const command = [lab.program, 'fsck', backend, '--repair', '--config-file', configFile];
  const child = spawn(process.execPath, command, { stdio: ['ignore', 'pipe', 'pipe'] });
  const killAfterMs = random.chance(0.3) ? random.between(3_000, 6_000) : undefined;
  const timer = killAfterMs === undefined ? undefined : setTimeout(() => child.kill('SIGKILL'), killAfterMs);
  const said = await Promise.all([text(child.stdout), text(child.stderr)]);
  clearTimeout(timer);
  note(
    `fsck --repair (${child.signalCode ?? 'ended'}): ${said.join('; ').trim().replaceAll('\n', '; ').slice(0, 2_000)}`,
  );
}

/** A server that all replicas lose at once: it stands still, or all their connections break. */
async function atOnce(lab: Lab, server: ServerName, random: Random, note: (what: string) => void): Promise<void> {
  const running = lab.servers[server];
  const forMs = random.between(200, 4_000);
  if (running !== undefined && random.chance(0.4)) {
    note(`${server} stands still for ${forMs} ms`);
    running.pause();
    await sleep(forMs);
    running.resume();
    return;
  }
  const how = random.pick(cuts) ?? 'reset';
  note(`all replicas lose ${server} (${how}) for ${forMs} ms`);
  for (const { links } of lab.slots) links.cut([server], how);
  await sleep(forMs);
  for (const { links } of lab.slots) links.heal();
}

/** Strikes with one fault after the other until the signal aborts; the last one is over then. */
export async function haunt(
  lab: Lab,
  names: readonly FaultName[],
  random: Random,
  note: (what: string) => void,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    await sleep(random.between(300, 2_500));
    const fault = faults[random.pick(names) ?? 'kill'];
    if (!signal.aborted) await fault(lab, random, note);
  }
}

/** How processes go on that died or stand still. Many start with a failpoint that ends them at a step of their work. */
export function tendingOf(names: readonly FaultName[], random: Random, history: History): Tending & { calm: boolean } {
  const actions = [...(names.includes('kill') ? ['kill'] : []), ...(names.includes('stop') ? ['freeze'] : [])];
  return {
    calm: false,
    nextFailpoint() {
      const action = random.pick(actions);
      if (this.calm || action === undefined || random.chance(0.3)) return undefined;
      const anywhere = random.chance(0.4);
      const name = anywhere ? '*' : (random.pick(steps) ?? '*');
      const failpoint = `${name}=${action}@${random.between(1, anywhere ? 150 : 4)}`;
      history.add('fault', `a replica starts with the failpoint ${failpoint}`);
      return failpoint;
    },
    restartAfter: () => random.between(0, 1_500),
    thawAfter: () => random.between(200, 6_000),
  };
}
