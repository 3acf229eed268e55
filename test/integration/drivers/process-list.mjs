/*
 * For each line on its standard input one on its standard output: a JSON list of the command lines and environments of
 * all processes. It needs nothing but Node, so that it runs in a guest, too (test/nfs).
 */
import { readdirSync, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';

function textOf(path) {
  try {
    return readFileSync(path, 'utf8').replaceAll('\0', ' ');
  } catch {
    // It has ended meanwhile.
    return '';
  }
}

createInterface({ input: process.stdin }).on('line', () => {
  const processes = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  const texts = processes.flatMap((pid) => [textOf(`/proc/${pid}/cmdline`), textOf(`/proc/${pid}/environ`)]);
  process.stdout.write(`${JSON.stringify(texts)}\n`);
});
