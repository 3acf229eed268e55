import { createHash } from 'node:crypto';

/**
 * A UUID made of a text: the same for ever, so that whoever does a work again finds what it made before. Its version, 8,
 * is the one for ids of an own making.
 */
export function derivedUuid(text: string): string {
  const hex = createHash('sha256').update(text).digest('hex');
  const [a, b, c, d, e] = [hex.slice(0, 8), hex.slice(8, 12), hex.slice(13, 16), hex.slice(17, 20), hex.slice(20, 32)];
  return `${a}-${b}-8${c}-a${d}-${e}`;
}
