import type { Difference } from '../../../src/check/verify.ts';
import type { NewVolume } from '../../../src/cli/drive/requests.ts';
import { lastBlock, places, type Content } from '../guest.ts';
import type { Lane } from './lane.ts';

/** One request that can be sent, and how its end is known and judged. */
export interface Prepared {
  /** Resolves when it is sent (a cast), or answered (a call). */
  send(): Promise<unknown>;
  /** Whether its rows say that it is done. */
  isDone(): Promise<boolean>;
  /** Besides what must always agree: data, what rows say. */
  check(): Promise<readonly Difference[]>;
}

/** One RPC method in one of its ways, on things made for it alone. */
export interface Scenario {
  readonly name: string;
  prepare(lane: Lane): Promise<Prepared>;
}

export interface MadeVolume {
  readonly id: string;
  readonly sizeGb: number;
  readonly content: Content;
}

export const soonCheck = (): Promise<readonly Difference[]> => Promise.resolve([]);

/** A volume with data in it, made without any fault. */
export async function madeVolume(lane: Lane, wanted: Omit<NewVolume, 'name' | 'sizeGb'> = {}): Promise<MadeVolume> {
  const sizeGb = 1;
  const request = { ...wanted, sizeGb, name: 'matrix' };
  const id = await lane.drive.requests.createVolume(request, lane.target, lane.type);
  await lane.until(`volume ${id}`, () => hasStatus(lane, 'volumes', id, 'available'));
  const content = await lane.guest.write(id, new Map(), [places.first, lastBlock(sizeGb)]);
  return { id, sizeGb, content };
}

/** A snapshot, after which something else is written. Answers with both and with what each holds. */
export async function madeSnapshot(
  lane: Lane,
  volume: MadeVolume,
): Promise<{ readonly id: string; readonly before: Content; readonly volume: MadeVolume }> {
  const id = await lane.drive.requests.createSnapshot(volume.id, 'matrix');
  await lane.until(`snapshot ${id}`, () => hasStatus(lane, 'snapshots', id, 'available'));
  const content = await lane.guest.write(volume.id, volume.content, [places.first, places.second]);
  return { id, before: volume.content, volume: { ...volume, content } };
}

export async function hasStatus(
  { drive: { db } }: Lane,
  table: 'volumes' | 'snapshots' | 'groups' | 'groupSnapshots',
  id: string,
  status: string,
): Promise<boolean> {
  return (await db[table].get(id))?.status === status;
}

export async function isGone(
  { drive: { db } }: Lane,
  table: 'volumes' | 'snapshots' | 'groups' | 'groupSnapshots',
  id: string,
): Promise<boolean> {
  return (await db[table].get(id)) === null;
}

export const ref = (id: string): { readonly id: string } => ({ id });
