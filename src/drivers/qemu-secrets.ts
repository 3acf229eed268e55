import type { LuksCipher } from '../domain/luks-cipher.ts';

/** An image that qemu-img opens. */
export interface OpenImage {
  readonly path: string;
  /** `luks`: a whole file that is encrypted; a qcow2 file encrypts its data. */
  readonly format: string;
  /** What opens it; absent: it is not encrypted. */
  readonly passphrase?: string;
  /** The image below an encrypted one, which has to be opened with the same passphrase; null: there is none. */
  readonly below?: OpenImage | null;
}

/** An image that qemu-img makes. */
export interface NewImage {
  readonly path: string;
  readonly format: string;
  readonly luks?: { readonly passphrase: string; readonly cipher: LuksCipher };
}

/** The descriptor of the first passphrase in the program that is started. */
const firstDescriptor = 3;

/**
 * The passphrases of one qemu-img command. On the command line, which everybody on the machine may read, stands only
 * from which descriptor each is to be read.
 */
export class Secrets {
  readonly #texts: string[] = [];

  get texts(): readonly string[] {
    return this.#texts;
  }

  /** `--object` for each; asked for after all images have been named. */
  objects(): readonly string[] {
    const objectOf = (index: number): string =>
      `secret,id=s${index},format=raw,file=/dev/fd/${firstDescriptor + index}`;
    return this.#texts.flatMap((_, index) => ['--object', objectOf(index)]);
  }

  /** How an image is named to be opened. Of an encrypted one every file is told, with its driver: nothing is guessed. */
  open(image: OpenImage): readonly string[] {
    if (image.passphrase === undefined) return ['-f', image.format, image.path];
    return [`json:${JSON.stringify(this.#node(image, image.passphrase))}`];
  }

  /** The options by which an image is made, without its name. */
  make({ format, luks }: NewImage): readonly string[] {
    if (luks === undefined) return [];
    const { cipherAlg, cipherMode, ivgenAlg } = luks.cipher;
    const prefix = format === 'qcow2' ? 'encrypt.' : '';
    const options = {
      ...(format === 'qcow2' && { 'encrypt.format': 'luks' }),
      [`${prefix}key-secret`]: this.#idOf(luks.passphrase),
      [`${prefix}cipher-alg`]: cipherAlg,
      [`${prefix}cipher-mode`]: cipherMode,
      [`${prefix}ivgen-alg`]: ivgenAlg,
    };
    const pairs = Object.entries(options).map(([name, value]) => `${name}=${value}`);
    return ['-o', pairs.join(',')];
  }

  #node({ path, format, below }: OpenImage, passphrase: string): object {
    const file = { driver: 'file', filename: path };
    const secret = this.#idOf(passphrase);
    if (format === 'luks') return { driver: 'luks', 'key-secret': secret, file };
    const backing = below === null || below === undefined ? null : this.#node(below, passphrase);
    return { driver: format, 'encrypt.key-secret': secret, file, backing };
  }

  #idOf(passphrase: string): string {
    const known = this.#texts.indexOf(passphrase);
    return `s${known >= 0 ? known : this.#texts.push(passphrase) - 1}`;
  }
}
