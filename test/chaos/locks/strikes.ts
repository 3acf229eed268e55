import { setTimeout as sleep } from 'node:timers/promises';
import type { Clock } from '../../../src/kernel/clock.ts';
import type { TestServer } from '../../support/test-server.ts';
import { cutOff, cuts } from '../links.ts';
import type { Random } from '../random.ts';
import type { Member } from './members.ts';
import { onProcesses, type ServiceKind } from './services.ts';
import type { Strike, StrikeKind } from './story.ts';

/** All that can be struck. */
export interface Site {
  readonly kind: ServiceKind;
  readonly server: TestServer | undefined;
  readonly members: readonly Member[];
  readonly clock: Clock;
  readonly ttlMs: number;
}

/** Strikes once; resolves when it is over. */
export async function strike(site: Site, random: Random): Promise<Strike> {
  const chosen = random.pick(site.kind.strikes) ?? 'kill';
  const member = random.pick(site.members);
  if (member === undefined) throw new Error('there is nobody to strike');
  const fromMs = site.clock.nowMs();
  // From what nobody notices to what no lock survives.
  const lastsMs = random.between(50, site.ttlMs * 2);
  await strikes[chosen](site, member, lastsMs, random);
  const forgets = chosen === 'restart' && site.kind.forgetsAtRestart;
  const kind: StrikeKind = forgets ? 'forget' : chosen;
  const isOnOne = [...onProcesses, 'partition'].includes(chosen);
  return { kind, fromMs, toMs: site.clock.nowMs(), ...(isOnOne ? { member: member.name } : {}) };
}

type Blow = (site: Site, member: Member, lastsMs: number, random: Random) => Promise<void>;

const strikes: Readonly<Record<StrikeKind, Blow>> = {
  kill: (_, member) => member.kill(),
  freeze: async (_, member, lastsMs) => {
    member.freeze();
    await sleep(lastsMs);
    member.thaw();
  },
  block: async (_, member, lastsMs) => {
    member.block(lastsMs);
    await sleep(lastsMs);
  },
  partition: async (_, { way }, lastsMs, random) => {
    const how = random.pick(cuts) ?? 'reset';
    cutOff(way, how);
    await sleep(lastsMs);
    way.heal();
    // A stream of bytes that lacks some is no use any more.
    if (how === 'black hole') way.reset();
  },
  stall: async ({ server }, _, lastsMs) => {
    server?.pause();
    await sleep(lastsMs);
    server?.resume();
  },
  restart: async ({ server }, _, lastsMs) => {
    await server?.kill();
    await sleep(lastsMs);
    await server?.restart();
  },
  forget: async ({ kind, server }) => kind.forget?.(server?.port ?? 0),
};
