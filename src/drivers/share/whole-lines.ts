import type { Readable } from 'node:stream';

/**
 * Hands over every line that has come to its end. Node's `readline` would not do: it hands over the half line of a writer
 * that was killed as well, and from Node 24 on ends lines at U+2028, which a guest can write into its image's header.
 */
export function onWholeLine(stream: Readable, onLine: (line: string) => void): void {
  let rest = '';
  stream.setEncoding('utf8').on('data', (chunk: string) => {
    const [first = '', ...others] = chunk.split('\n');
    rest += first;
    for (const next of others) {
      onLine(rest);
      rest = next;
    }
  });
}
