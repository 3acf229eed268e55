import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/**
 * Where the share helper's code is. Node 20 runs no TypeScript, so code that runs from `src/` starts the built helper
 * in `dist/`, which speaks the same messages.
 *
 * @param moduleUrl for tests; this module's own URL otherwise
 */
export function shareHelperPath(moduleUrl: string = import.meta.url): string {
  const fromSource = moduleUrl.endsWith('.ts');
  const target = fromSource ? '../../../dist/src/share-helper-entry.js' : './share-helper-entry.js';
  const path = fileURLToPath(new URL(target, moduleUrl));
  if (existsSync(path)) return path;
  const remedy = fromSource ? 'run `npm run build`' : 'the installation is incomplete';
  throw new Error(`the share helper ${path} is missing: ${remedy}`);
}
