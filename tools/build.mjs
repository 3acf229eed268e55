#!/usr/bin/env node
// npm run build: the program as a few files of JavaScript in dist/src. One file for each process and thread that the
// program starts, and the parts that they share beside them, so that a replica reads some ten files at its start, not
// five hundred. Type errors are the type check's business.
//   --out DIR      another folder than dist/
//   --for-tests    also the modules that tests import built, whole and by their own names
//   --bare         with the bench's custody that keeps nothing, for `npm run bench -- --against bare` alone
//   --next         with one more migration, as a release to come may have it, for the test of a rolling upgrade alone
// rolldown: Vite's own bundler, in the tree with the test runner already.
import { rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { rolldown } from 'rolldown';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
/** Found by each other as neighbours: `dist/src` is flat. */
const entries = [
  'main.ts',
  'drivers/share/share-helper-entry.ts',
  'coordination/lock-worker.ts',
  'cli/lock/lock-guard-process.ts',
  'cli/lock/lock-owner-process.ts',
];
const forTests = ['coordination/create.ts', 'db/sync-database.ts', 'dev/embedded-postgres.ts', 'native/boot-clock.ts'];
/** Libraries that are bundled, too: hundreds of small modules, of which we use a part. The others stay packages. */
const bundled = ['@sinclair/typebox'];

const { values } = parseArgs({
  options: {
    out: { type: 'string', default: join(root, 'dist') },
    'for-tests': { type: 'boolean', default: false },
    bare: { type: 'boolean', default: false },
    next: { type: 'boolean', default: false },
  },
});
const files = [...entries, ...(values['for-tests'] ? forTests : [])];
const input = Object.fromEntries(files.map((file) => [basename(file, '.ts'), join(root, 'src', file)]));
const isPackage = (id) => /^[^./]/.test(id) && !bundled.some((name) => id === name || id.startsWith(`${name}/`));

/** Another file in place of one of ours, which may import what it replaces. */
const replace = (end, file) => ({
  name: `replace ${end}`,
  resolveId: (source, importer) => (source.endsWith(end) && importer !== join(root, file) ? join(root, file) : null),
});

rmSync(values.out, { recursive: true, force: true });
const plugins = [
  ...(values.bare ? [replace('/custody-of.ts', 'bench/bare/custody-of.ts')] : []),
  ...(values.next ? [replace('/migrations/index.ts', 'test/chaos/next-release/migrations.ts')] : []),
];
const bundle = await rolldown({ cwd: root, input, plugins, platform: 'node', external: isPackage, logLevel: 'warn' });
const names = { entryFileNames: '[name].js', chunkFileNames: 'part-[name]-[hash].js' };
await bundle.write({ dir: join(values.out, 'src'), format: 'esm', sourcemap: true, ...names });
await bundle.close();
