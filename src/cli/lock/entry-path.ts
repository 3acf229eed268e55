import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/**
 * Where the code of a process of this folder is: beside the program that was built. Node 20 runs no TypeScript, so code that runs from `src/` starts the
 * built one in `dist/`.
 */
export function lockProcessPath(name: 'lock-guard-process' | 'lock-owner-process'): string {
  const fromSource = import.meta.url.endsWith('.ts');
  const target = fromSource ? `../../../dist/src/${name}.js` : `./${name}.js`;
  const path = fileURLToPath(new URL(target, import.meta.url));
  if (existsSync(path)) return path;
  const remedy = fromSource ? 'run `npm run build`' : 'the installation is incomplete';
  throw new Error(`${path} is missing: ${remedy}`);
}
