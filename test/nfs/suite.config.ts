import { defineConfig } from 'vitest/config';

/** The driver's own tests once more, as they stand, with their folders on NFS and the share helpers in two guests. */
export default defineConfig({
  test: {
    root: `${import.meta.dirname}/../..`,
    pool: 'forks',
    fileParallelism: false,
    testTimeout: 600_000,
    hookTimeout: 400_000,
    globalSetup: ['test/support/global-setup.ts', 'test/nfs/support/suite-setup.ts'],
    setupFiles: ['test/support/set-up.ts'],
    include: ['test/integration/drivers/*.test.ts'],
    // What it shows are umask and permissions of the local account, which the guest's root does not have.
    exclude: ['**/permissions.user.test.ts'],
    restoreMocks: true,
  },
});
