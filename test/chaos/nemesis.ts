import { setTimeout as sleep } from 'node:timers/promises';
import type { History } from './history.ts';
import type { Lab, Tending } from './lab.ts';
import type { FaultName } from './options.ts';
import type { Random } from './random.ts';
import type { Part } from './replica-slot.ts';

/** One kind of fault: it strikes, lasts, and is over when the promise resolves. */
export type Fault = (lab: Lab, random: Random, note: (what: string) => void) => Promise<void>;

/** The steps at which a process can be told to die or to stand still (`*`: any). */
const steps = [
  ...['journalled', 'locked', 'slot', 'claimed', 'loaded', 'ran', 'settled', 'released', 'adopted'],
  ...[
    'volume-file',
    'delete-volume',
    'snapshot-overlay',
    'snapshot-info',
    'snapshot-merge',
    'snapshot-rebase',
    'snapshot-file',
  ].flatMap((point) => [`commit:${point}`, `committing:${point}`]),
];

const faults: Readonly<Partial<Record<FaultName, Fault>>> = {
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
};

/** Which faults are known. */
export const strikes = (name: FaultName): Fault | undefined => faults[name];

/** Strikes with one fault after the other until the signal aborts; the last one is over then. */
export async function haunt(
  lab: Lab,
  names: readonly FaultName[],
  random: Random,
  history: History,
  signal: AbortSignal,
): Promise<void> {
  const note = (what: string): void => history.add('fault', what);
  while (!signal.aborted) {
    await sleep(random.between(300, 2_500));
    const fault = strikes(random.pick(names) ?? 'kill');
    if (!signal.aborted) await fault?.(lab, random, note);
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
