import { readFile } from 'node:fs/promises';

/** The mount points of this process's name space, from the kernel's own list: asks no file server. */
export async function mountPoints(file = '/proc/self/mountinfo'): Promise<ReadonlySet<string>> {
  const text = await readFile(file, 'utf8');
  return new Set(
    text
      .split('\n')
      .flatMap((line) => line.split(' ').slice(4, 5))
      .map(unescapeOctal),
  );
}

function unescapeOctal(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}
