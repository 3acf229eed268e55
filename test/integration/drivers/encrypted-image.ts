import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { messageOf } from '../../../src/kernel/errors.ts';

/** An encrypted file as its guest opens it, below it what it stands on: with a passphrase and nothing else of ours. */
export interface EncryptedImage {
  readonly path: string;
  readonly format: 'qcow2' | 'luks';
  readonly passphrase: string;
  readonly below?: readonly string[];
}

/** Runs commands of qemu-io in it. Answers what it printed; throws where it does not open, or differs. */
export function inImage(image: EncryptedImage, ...commands: readonly string[]): string {
  return withSecret(image, (secret) => {
    const { status, stdout, stderr } = spawnSync(
      'qemu-io',
      [...secret, ...commands.flatMap((command) => ['-c', command]), nameOf(image)],
      { encoding: 'utf8' },
    );
    if (status !== 0 || stdout.includes('verification failed'))
      throw new Error(`${commands.join('; ')}: ${stdout}${stderr}`);
    return stdout;
  });
}

/** Makes a file that is LUKS as a whole, with `bytes` zeros in it. */
export function makeLuks(image: EncryptedImage, bytes: number): void {
  const zeros = `${image.path}.zeros`;
  writeFileSync(zeros, '');
  truncateSync(zeros, bytes);
  const to = ['-f', 'raw', '-O', 'luks', '-o', 'key-secret=k,iter-time=10', zeros, image.path];
  withSecret(image, (secret) => untilMeasured(() => execFileSync('qemu-img', ['convert', ...secret, ...to])));
  rmSync(zeros);
}

/** As the driver does it (`QemuImg`): where no processor time was accounted yet, qemu-img gives up, and measures anew. */
function untilMeasured(make: () => void): void {
  for (let tries = 1; ; tries += 1) {
    try {
      make();
      return;
    } catch (error) {
      if (tries >= 50 || !messageOf(error).includes('Unable to get accurate CPU usage')) throw error;
    }
  }
}

/** Pulls all that is below into it, as a hypervisor does where the snapshot at the top is removed. */
export function pullAll(image: EncryptedImage): void {
  withSecret(image, (secret) => execFileSync('qemu-img', ['rebase', ...secret, '-b', '', nameOf(image)]));
}

function withSecret<T>({ passphrase }: EncryptedImage, work: (flags: readonly string[]) => T): T {
  const folder = mkdtempSync(join(tmpdir(), 'key-'));
  try {
    writeFileSync(join(folder, 'key'), passphrase);
    return work(['--object', `secret,id=k,format=raw,file=${join(folder, 'key')}`]);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const nameOf = (image: EncryptedImage): string => `json:${JSON.stringify(nodeOf(image))}`;

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
