import { defineConfig } from 'vitest/config';

/*
 * Two projects: `main` is everything; `unprivileged` are the files that `tools/test.mjs` runs once more as a user that
 * is not root, on files that belong to root, under umask 077 (`*.any-user.test.ts`; see test/support/user.ts).
 */
export default defineConfig({
  test: {
    // Processes, not threads: children ask the kernel to die with the thread that started them.
    pool: 'forks',
    testTimeout: 20_000,
    hookTimeout: 120_000,
    globalSetup: ['test/support/global-setup.ts'],
    include: ['test/**/*.test.ts'],
    restoreMocks: true,
  },
});
