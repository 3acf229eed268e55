import { delimiter } from 'node:path';
import type { TestProject } from 'vitest/node';
import { makeTempDir, removeDir } from '../../support/temp-dir.ts';
import { makeGuestImage } from './guest-image.ts';
import { Rig } from './rig.ts';

/**
 * Two guests for all files: the tests' folders are on their share, and the drivers' helpers work in them in turn. So who
 * carries on the work of a helper that was killed does it on another client.
 */
export default async function setup(_project: TestProject): Promise<() => Promise<void>> {
  const { GUEST_KERNEL: kernelDir, TEST_DIST: dist } = process.env;
  if (kernelDir === undefined || dist === undefined) throw new Error('Run these tests by: npm run test:nfs');
  const dir = await makeTempDir('cinder-volume-aa-guest-');
  const image = await makeGuestImage(dir, kernelDir, dist);
  const rig = await Rig.start({ image, dist, clients: ['one', 'two'], version: '4.2' });
  process.env['TMPDIR'] = rig.share;
  process.env['TEST_SHARE_HELPER'] = rig.helperInTurn;
  process.env['TEST_HELPER_MACHINES'] = rig.clients.map(({ runner }) => runner).join(delimiter);
  return async () => {
    await rig.stop();
    await removeDir(dir);
  };
}
