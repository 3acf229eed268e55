import { randomUUID } from 'node:crypto';
import type { Difference } from '../../../src/check/verify.ts';
import type { JsonObject } from '../../../src/domain/json.ts';
import type { Volume, VolumeAttachment } from '../../../src/domain/rows.ts';
import type { Lane } from './lane.ts';
import { madeVolume, ref, type Prepared, type Scenario } from './makings.ts';

const connector = { host: 'compute', ip: '127.0.0.1', multipath: false };

/** Calls: not journalled, run again by whoever gets the message again; the caller waits for the one answer. */
export const callScenarios: readonly Scenario[] = [
  {
    name: 'initialize_connection',
    prepare: async (lane) => {
      const { id } = await madeVolume(lane);
      return callOf(lane, 'initialize_connection', { volume: ref(id), connector }, () => Promise.resolve([]));
    },
  },
  {
    name: 'terminate_connection',
    prepare: async (lane) => {
      const { id } = await madeVolume(lane);
      await lane.call('initialize_connection', { volume: ref(id), connector });
      const args = { volume_id: id, connector, force: false };
      return callOf(lane, 'terminate_connection', args, () => Promise.resolve([]));
    },
  },
  {
    name: 'attachment_update',
    prepare: async (lane) => {
      const { id, attachment } = await reserved(lane);
      const args = { vref: ref(id), connector, attachment_id: attachment };
      return callOf(lane, 'attachment_update', args, () => expectRows(lane, id, attachment, 'attaching'));
    },
  },
  {
    name: 'attachment_delete',
    prepare: async (lane) => {
      const { id, attachment } = await reserved(lane);
      await lane.call('attachment_update', { vref: ref(id), connector, attachment_id: attachment });
      const args = { attachment_id: attachment, vref: ref(id) };
      return callOf(lane, 'attachment_delete', args, () => expectRows(lane, id, attachment, 'attaching'));
    },
  },
  {
    name: 'attach_volume',
    prepare: async (lane) => {
      const { id } = await madeVolume(lane);
      await lane.drive.db.volumes.update(id, { status: 'attaching' });
      return callOf(lane, 'attach_volume', attachArgs(id), () => expectOne(lane, id, 'attached'));
    },
  },
  {
    name: 'detach_volume',
    prepare: async (lane) => {
      const { id } = await madeVolume(lane);
      await lane.drive.db.volumes.update(id, { status: 'attaching' });
      await lane.call('attach_volume', attachArgs(id));
      const [attachment] = await lane.drive.db.attachments.ofVolume(id);
      await lane.drive.db.volumes.update(id, { status: 'detaching' });
      const args = { volume_id: id, attachment_id: attachment?.id ?? null };
      return callOf(lane, 'detach_volume', args, () => expectOne(lane, id, 'detached'));
    },
  },
];

function attachArgs(volume_id: string): JsonObject {
  return { volume_id, instance_uuid: randomUUID(), host_name: 'compute', mountpoint: '/dev/vdb', mode: 'rw' };
}

async function reserved(lane: Lane): Promise<{ readonly id: string; readonly attachment: string }> {
  const { id } = await madeVolume(lane);
  const attachment = randomUUID();
  await lane.drive.db.attachments.create({ id: attachment, volume_id: id, attach_status: 'reserved' });
  await lane.drive.db.volumes.update(id, { status: 'reserved', attach_status: 'reserved' });
  return { id, attachment };
}

/** Done when it is answered; afterwards the volume is put back, so that its files can be compared. */
function callOf(lane: Lane, method: string, args: JsonObject, check: Prepared['check']): Prepared {
  let isAnswered = false;
  return {
    send: async () => {
      await lane.call(method, args);
      isAnswered = true;
    },
    isDone: () => Promise.resolve(isAnswered),
    check: async () => {
      const found = await check();
      for (const { id } of await lane.drive.volumes()) {
        await lane.drive.db.volumes.update(id, { status: 'available', attach_status: 'detached' });
      }
      return found;
    },
  };
}

async function expectRows(
  lane: Lane,
  id: string,
  attachmentId: string,
  status: string,
): Promise<readonly Difference[]> {
  const { db } = lane.drive;
  return differs(id, await db.volumes.get(id), await db.attachments.get(attachmentId), status);
}

/** One attachment, not two, or (`detached`) none. */
async function expectOne(lane: Lane, id: string, status: 'attached' | 'detached'): Promise<readonly Difference[]> {
  const { db } = lane.drive;
  const attachments = await db.attachments.ofVolume(id);
  const wanted = status === 'attached' ? 1 : 0;
  if (attachments.length !== wanted) return [wrong(id, `has ${attachments.length} attachments, not ${wanted}`)];
  return differs(id, await db.volumes.get(id), attachments[0] ?? null, status);
}

function differs(
  id: string,
  volume: Volume | null,
  attachment: VolumeAttachment | null,
  status: string,
): readonly Difference[] {
  const found = [volume?.attach_status, attachment?.attach_status ?? status];
  return found.every((one) => one === status) ? [] : [wrong(id, `is ${found.join(' and ')}, not ${status}`)];
}

const wrong = (id: string, problem: string): Difference => ({ kind: 'lost', subject: `volume ${id}`, problem });
