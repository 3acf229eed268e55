import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** An encrypted file as its guest opens it, below it what it stands on: with a passphrase and nothing else of ours. */
export interface EncryptedImage {
  readonly path: string;
  readonly format: 'qcow2' | 'luks';
  readonly passphrase: string;
  readonly below?: readonly string[];
}

/** Runs commands of qemu-io in it. Answers what it printed; throws where it does not open, or differs. */
export function inImage(image: EncryptedImage, ...commands: readonly string[]): string {
  const folder = mkdtempSync(join(tmpdir(), 'key-'));
  try {
    writeFileSync(join(folder, 'key'), image.passphrase);
    const secret = `secret,id=k,format=raw,file=${join(folder, 'key')}`;
    const { status, stdout, stderr } = spawnSync(
      'qemu-io',
      ['--object', secret, ...commands.flatMap((command) => ['-c', command]), `json:${JSON.stringify(nodeOf(image))}`],
      { encoding: 'utf8' },
    );
    if (status !== 0 || stdout.includes('verification failed'))
      throw new Error(`${commands.join('; ')}: ${stdout}${stderr}`);
    return stdout;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function nodeOf({ path, format, below = [], passphrase }: EncryptedImage): object {
  const file = { driver: 'file', filename: path };
  if (format === 'luks') return { driver: 'luks', 'key-secret': 'k', file };
  const [next, ...rest] = below;
  const backing = next === undefined ? null : nodeOf({ path: next, format, passphrase, below: rest });
  return { driver: 'qcow2', 'encrypt.key-secret': 'k', file, backing };
}

/** What qemu-img says of a file, without a key. */
export function infoOf(path: string): Readonly<Record<string, unknown>> {
  const text = execFileSync('qemu-img', ['info', '-U', '--output=json', path], { encoding: 'utf8' });
  return JSON.parse(text) as Readonly<Record<string, unknown>>;
}

/** The files that it stands on, by their headers. */
export function belowOf(path: string): readonly string[] {
  const backing = infoOf(path)['full-backing-filename'];
  return typeof backing === 'string' ? [backing, ...belowOf(backing)] : [];
}
