import { defineConfig } from 'vitest/config';

/** `npm run test:nfs`: real NFS clients, in virtual machines. One file at a time: each has machines of its own. */
export default defineConfig({
  test: {
    root: `${import.meta.dirname}/../..`,
    pool: 'forks',
    fileParallelism: false,
    testTimeout: 300_000,
    hookTimeout: 400_000,
    globalSetup: ['test/support/global-setup.ts', 'test/nfs/support/global-setup.ts'],
    setupFiles: ['test/support/set-up.ts'],
    include: ['test/nfs/*.test.ts'],
    restoreMocks: true,
  },
});
