import type { Volume, VolumeAttachment } from '../domain/rows.ts';
import { messageOf } from '../kernel/errors.ts';
import { failed } from './migration-target.ts';
import type { OperationPorts, Scope } from './operation.ts';
import { isUnknownOutcome } from './unknown-outcome.ts';

/*
 * An attached volume is migrated by the server that has it: Nova copies it while the server runs, swaps, and tells the
 * API, which asks for migrate_volume_completion.
 */

/** The servers that were asked, or are just being. */
const note = 'asked_servers';

/** Each server once. What an owner has asked without an answer is seen by the target, which Nova reserves first. */
export async function askServers(
  volume: Volume,
  target: Volume,
  attachments: readonly VolumeAttachment[],
  scope: Scope,
  ports: OperationPorts,
): Promise<void> {
  const noted = scope.claim.notes[note];
  const asked = new Set<unknown>(Array.isArray(noted) ? noted : []);
  for (const { instance_uuid: serverId } of attachments) {
    if (serverId === null) throw failed('it is attached to a host, and no server can be asked to swap it');
    const mayBeAsked = asked.has(serverId);
    if (mayBeAsked && (await isTaken(target.id, ports))) continue;
    asked.add(serverId);
    await scope.note({ [note]: attachments.flatMap(({ instance_uuid: id }) => (asked.has(id) ? [id] : [])) });
    try {
      await scope.park(() => ports.compute.swapVolume({ serverId, from: volume.id, to: target.id }, scope.signal));
    } catch (thrown) {
      if (scope.signal.aborted || isUnknownOutcome(thrown)) throw thrown;
      // It refuses what it is doing already.
      if (mayBeAsked && (await isTaken(target.id, ports))) continue;
      throw failed(messageOf(thrown));
    }
  }
}

async function isTaken(id: string, { db }: OperationPorts): Promise<boolean> {
  const row = await db.volumes.get(id);
  return row?.status !== 'available' || (await db.attachments.ofVolume(id)).length > 0;
}
