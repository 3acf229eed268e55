import { defineConfig } from 'vitest/config';

/** The driver's own tests once more, as they stand, with their folders on NFS and the share helpers in a guest. */
export default defineConfig({
  test: {
    root: `${import.meta.dirname}/../..`,
    pool: 'forks',
    fileParallelism: false,
    testTimeout: 600_000,
    hookTimeout: 400_000,
    globalSetup: ['test/support/global-setup.ts', 'test/nfs/support/suite-setup.ts'],
    setupFiles: ['test/support/set-up.ts'],
    include: ['connect', 'growth-and-reversal'].map((name) => `test/integration/drivers/${name}.test.ts`),
    restoreMocks: true,
  },
});
