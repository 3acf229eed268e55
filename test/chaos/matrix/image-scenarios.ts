import { randomUUID } from 'node:crypto';
import { madeImage } from '../images.ts';
import type { Lane } from './lane.ts';
import { hasStatus, madeVolume, ref, type Prepared, type Scenario } from './makings.ts';
import { volumeRow } from '../rows.ts';

/** Contents that come from the image service, or go there. */
export const imageScenarios: readonly Scenario[] = [
  {
    name: 'create_volume_from_image',
    prepare: async (lane) => {
      const image = await madeImage(lane.images);
      const id = await volumeRow(lane, { status: 'creating' });
      const spec = { image_id: image.id };
      const args = { volume: ref(id), request_spec: spec, filter_properties: {}, allow_reschedule: false };
      return {
        send: () => lane.cast('create_volume', args),
        isDone: () => hasStatus(lane, 'volumes', id, 'available'),
        check: () => lane.guest.checkVolume(id, image.content),
      };
    },
  },
  { name: 'copy_volume_to_image', prepare: upload },
  {
    name: 'reimage',
    prepare: async (lane) => {
      const image = await madeImage(lane.images);
      const { id } = await madeVolume(lane);
      return {
        send: async () => {
          await lane.drive.db.volumes.update(id, { status: 'downloading', previous_status: 'available' });
          await lane.cast('reimage', { volume: ref(id), image_meta: { id: image.id } });
        },
        isDone: () => hasStatus(lane, 'volumes', id, 'available'),
        check: () => lane.guest.checkVolume(id, image.content),
      };
    },
  },
];

/** What the volume holds is in the image, uploaded once. */
async function upload(lane: Lane): Promise<Prepared> {
  const { id, content } = await madeVolume(lane);
  const image = randomUUID();
  lane.images.add(image, 'queued');
  const meta = { id: image, disk_format: 'qcow2', container_format: 'bare' };
  return {
    send: async () => {
      await lane.drive.db.volumes.update(id, { status: 'uploading', previous_status: 'available' });
      await lane.cast('copy_volume_to_image', { volume_id: id, image_meta: meta });
    },
    isDone: () => hasStatus(lane, 'volumes', id, 'available'),
    check: async () => [
      ...(await lane.guest.checkVolume(id, content)),
      ...(await lane.guest.checkImage(`image ${image}`, { path: lane.images.path(image), format: 'qcow2' }, content)),
    ],
  };
}
