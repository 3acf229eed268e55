import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/**
 * Where the lock worker's code is. A worker thread of Node 20 cannot load TypeScript, and a test runner's hooks do
 * not reach into it; so code that runs from `src/` starts the built worker in `dist/`, which speaks the same messages.
 * Tests build first.
 *
 * @param moduleUrl for tests; this module's own URL otherwise
 */
export function workerEntry(moduleUrl: string = import.meta.url): URL {
  const fromSource = moduleUrl.endsWith('.ts');
  const entry = new URL(fromSource ? '../../dist/src/lock-worker.js' : './lock-worker.js', moduleUrl);
  if (!existsSync(entry)) {
    const remedy = fromSource ? 'run `npm run build`' : 'the installation is incomplete';
    throw new Error(`the lock worker ${fileURLToPath(entry)} is missing: ${remedy}`);
  }
  return entry;
}
