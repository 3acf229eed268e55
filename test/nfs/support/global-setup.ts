import type { TestProject } from 'vitest/node';
import { makeTempDir, removeDir } from '../../support/temp-dir.ts';
import { makeGuestImage, type GuestImage } from './guest-image.ts';

declare module 'vitest' {
  interface ProvidedContext {
    guestImage: GuestImage;
  }
}

/** Makes what all guests boot. `tools/test-nfs.mjs` says where the kernel and the build are. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const { GUEST_KERNEL: kernelDir, TEST_DIST: dist } = process.env;
  if (kernelDir === undefined || dist === undefined) throw new Error('Run these tests by: npm run test:nfs');
  const dir = await makeTempDir('cinder-volume-aa-guest-');
  project.provide('guestImage', await makeGuestImage(dir, kernelDir, dist));
  return () => removeDir(dir);
}
