import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { defaults } from '../contract/coordinator/members.ts';
import { eventually } from '../support/poll.ts';
import { buildOnce } from '../support/shared-servers.ts';
import type { GuestProgram } from './support/guest.ts';
import { leaseSeconds } from './support/nfs-server.ts';
import { Rig, type Client } from './support/rig.ts';

/** Emulated processors are slow, and a server that has been started again waits for its clients before it grants. */
const patience = { timeoutMs: 120_000, everyMs: 200 };
/** How long a confirmed write proves a lock: shorter than the server's lease, as it must be. */
const ttlMs = 9000;
/** As long as the server lets it be: for members that are to live through a restart with its period of grace. */
const longTtlMs = 120_000;

/* File locks of replicas in two machines: contract/coordinator/member-process.mjs runs unchanged in the guests. */
describe('file locks on NFS', () => {
  let rig: Rig;
  let dist: string;
  let a: Client;
  let b: Client;
  let folder: string;
  const started: GuestProgram[] = [];
  beforeAll(async () => {
    dist = await buildOnce();
    rig = await Rig.start({ image: inject('guestImage'), dist, clients: ['a', 'b'] });
    [a, b] = rig.clients as [Client, Client];
    folder = join(rig.share, 'locks');
    mkdirSync(folder);
  });
  afterAll(async () => {
    for (const program of started) program.kill();
    await rig.stop();
  });

  function member(client: Client, command: readonly string[], lockTtlMs = ttlMs): GuestProgram {
    const { clock: _clock, log: _log, ...settings } = defaults;
    const options = JSON.stringify({ ...settings, lockTtlMs, url: `file://${folder}` });
    const script = join(import.meta.dirname, '../contract/coordinator/member-process.mjs');
    const program = client.guest.program(process.execPath, script, dist, options, ...command);
    started.push(program);
    return program;
  }

  async function holder(client: Client, name: string, lockTtlMs = ttlMs): Promise<GuestProgram> {
    const program = member(client, ['hold', name], lockTtlMs);
    expect(await program.line()).toBe('held');
    return program;
  }

  async function release(program: GuestProgram): Promise<string> {
    program.send('release');
    return program.line();
  }

  it('keep two machines apart, and pass from one to the other', async () => {
    const first = await holder(a, 'apart');
    const second = member(b, ['hold', 'apart']);
    let got = false;
    const held = second.line().then((line) => (got = line === 'held'));
    await expect(a.guest.run('sleep 2')).resolves.toBe('');
    expect(got).toBe(false);
    expect(await release(first)).toBe('released');
    expect(await held).toBe(true);
    expect(await release(second)).toBe('released');
  });

  it('outlive a restart of the server, whose killed clients reclaim them', async () => {
    const first = await holder(a, 'restart', longTtlMs);
    await rig.server.kill();
    await rig.server.restart();
    // A stranger's lock is granted when all has been reclaimed, so by then the first one would have been lost.
    const stranger = await holder(b, 'stranger', longTtlMs);
    const second = member(b, ['hold', 'restart'], longTtlMs);
    let got = false;
    const held = second.line().then((line) => (got = line === 'held'));
    await expect(b.guest.run('sleep 2')).resolves.toBe('');
    expect(got).toBe(false);
    expect(await release(first)).toBe('released');
    expect(await held).toBe(true);
    for (const program of [stranger, second]) expect(await release(program)).toBe('released');
  });

  it('let nobody count past another, though the server is killed twice meanwhile', async () => {
    const file = join(rig.share, 'count');
    writeFileSync(file, '0');
    const times = 40;
    const count = ['count', 'count', file, `${times}`];
    const counters = [member(a, count, longTtlMs), member(b, count, longTtlMs)];
    const counted = (): number => Number(readFileSync(file, 'utf8'));
    for (const at of [10, 40]) {
      await eventually(() => counted() >= at, patience);
      await rig.server.kill();
      await rig.server.restart();
    }
    for (const counter of counters) expect(await counter.line()).toBe('done');
    expect(counted()).toBe(2 * times);
  });

  it('are lost by a machine that stood still for longer than the server waits, and it finds out', async () => {
    const first = await holder(a, 'frozen');
    const second = member(b, ['hold', 'frozen']);
    a.guest.freeze();
    expect(await second.line()).toBe('held');
    a.guest.thaw();
    expect(await first.line()).toBe('lost');
    expect(await release(first)).toBe('lost');
    expect(await release(second)).toBe('released');
  });

  it('are lost by a machine whose clocks stood still as well: the server refuses its next proof', async () => {
    const first = await holder(a, 'paused');
    const second = member(b, ['hold', 'paused']);
    await a.guest.pause();
    expect(await second.line()).toBe('held');
    await a.guest.unpause();
    expect(await first.line()).toBe('lost');
    expect(await release(first)).toBe('lost');
    expect(await release(second)).toBe('released');
  });

  it('are given up by a machine that is cut off before the server gives them to another', async () => {
    // It asks for proofs that last six times as long as the server's lease, and does not get them.
    const first = await holder(a, 'cut off', longTtlMs);
    a.proxy.blackHole();
    const cutMs = performance.now();
    expect(await first.line()).toBe('lost');
    expect(performance.now() - cutMs).toBeLessThan(2 * leaseSeconds * 1000);
    const second = await holder(b, 'cut off');
    a.proxy.heal();
    a.proxy.cut();
    // The hard mount goes on where it stood, and locks are to be had there again.
    expect(await release(first)).toBe('lost');
    expect(await release(second)).toBe('released');
    const third = await holder(a, 'cut off');
    expect(await release(third)).toBe('released');
  });

  it('are kept through an interruption that is shorter than their proof', async () => {
    const first = await holder(a, 'short cut', longTtlMs);
    a.proxy.pass({ toServer: 'hold', toClient: 'hold' });
    await expect(b.guest.run('sleep 2')).resolves.toBe('');
    a.proxy.heal();
    a.proxy.cut();
    await expect(b.guest.run(`sleep ${leaseSeconds}`)).resolves.toBe('');
    expect(await release(first)).toBe('released');
  });
});
