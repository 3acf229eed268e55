import { defineConfig } from 'vitest/config';

/*
 * Files named `*.user.test.ts` and `*.user-caps.test.ts` run here like all others, and `npm test` runs them once more
 * as a user that is not root (tools/as-user.mjs).
 */
export default defineConfig({
  test: {
    // Processes, not threads: children ask the kernel to die with the thread that started them, and umask is the
    // process's.
    pool: 'forks',
    testTimeout: 20_000,
    hookTimeout: 120_000,
    globalSetup: ['test/support/global-setup.ts'],
    setupFiles: ['test/support/set-up.ts'],
    include: ['test/**/*.test.ts'],
    // Those have a command of their own (npm run test:nfs).
    exclude: ['**/node_modules/**', 'test/nfs/**'],
    restoreMocks: true,
  },
});
