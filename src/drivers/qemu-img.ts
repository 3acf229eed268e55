import { AppError } from '../kernel/errors.ts';
import { CommandError, type CommandResult, type Exec, type StepGuard } from './exec.ts';
import { Secrets, type NewImage, type OpenImage } from './qemu-secrets.ts';

export type ImageFormat = 'raw' | 'qcow2';

/** Somebody has the image open: qemu's own lock said so. Waiting helps. */
export class ImageBusyError extends AppError {
  readonly code = 'IMAGE_BUSY';
}

/** What `qemu-img info` says of a file. */
export interface ImageInfo {
  readonly format: string;
  /** Bytes. */
  readonly virtualSize: number;
  readonly backingFile: string | null;
  readonly backingFormat: string | null;
}

/** Reading a hostile image may take neither all memory nor for ever. */
const readLimits = ['prlimit', '--as=1073741824', '--cpu=60', '--'] as const;
const quickMs = 60_000;
const unlockMs = 1_200_000;
/** Copying is bounded by the locks, not by a clock; this ends a copy that nobody waits for any more. */
const copyMs = 24 * 3600_000;

/**
 * qemu-img measures how fast a passphrase is tried before it makes an encrypted file, and gives up where the kernel has
 * accounted no processor time for that yet. Nothing is written then, and the next run measures anew.
 */
const clockMessage = /Unable to get accurate CPU usage/;
const mostTries = 50;

const lockMessage = /Failed to get (shared )?"[a-z ]+" lock|Failed to lock byte|is another process using the image/i;

/**
 * qemu-img, one command for each method. Paths are absolute (so that no name is taken for a protocol), formats are
 * always told, and the image locks stay on: `ImageBusyError` means that somebody else works on the file.
 */
export class QemuImg {
  readonly #exec: Exec;

  constructor(exec: Exec) {
    this.#exec = exec;
  }

  async info(path: string, format: ImageFormat, guard: StepGuard): Promise<ImageInfo> {
    const argv = [...readLimits, 'qemu-img', 'info', '-f', format, '--output=json', '-U', path] as const;
    const { stdout } = await this.#supervised(argv, { guard, timeoutMs: quickMs });
    return parseInfo(stdout);
  }

  /** Whether an overlay holds anything of its own, data or zeros, besides what its backing files show. */
  async holdsData(path: string, guard: StepGuard): Promise<boolean> {
    const argv = [...readLimits, 'qemu-img', 'map', '-f', 'qcow2', '--output=json', path] as const;
    const { stdout } = await this.#supervised(argv, { guard, timeoutMs: quickMs });
    const parsed: unknown = JSON.parse(stdout);
    if (!Array.isArray(parsed)) throw new Error(`qemu-img map answered ${stdout.slice(0, 200)}`);
    // Where nothing is said of `present` (qemu before 6.1) all that is its own counts.
    return parsed.some((one: { depth?: unknown; present?: unknown }) => one.depth === 0 && one.present !== false);
  }

  /** An empty overlay; the backing file is named relative to it and not opened (`-u`). */
  async createOverlay(
    overlay: NewImage & { readonly bytes: number },
    backing: { readonly name: string; readonly format: ImageFormat },
    guard: StepGuard,
  ): Promise<void> {
    const secrets = new Secrets();
    const options = ['-u', '-b', backing.name, '-F', backing.format, ...secrets.make(overlay)];
    await this.#run('create', ['-f', 'qcow2', ...options, overlay.path, String(overlay.bytes)], guard, { secrets });
  }

  /** An empty qcow2 image; one that is not encrypted has its metadata laid out. */
  async createQcow2(image: NewImage, bytes: number, guard: StepGuard): Promise<void> {
    const secrets = new Secrets();
    const options = image.luks === undefined ? ['-o', 'preallocation=metadata'] : secrets.make(image);
    const argv = ['-f', 'qcow2', ...options, image.path, String(bytes)];
    await this.#run('create', argv, guard, { secrets, timeoutMs: copyMs });
  }

  /** Writes an overlay's data into its backing file; the overlay keeps it too (`-d`), so that this can be repeated. */
  async commit(overlay: OpenImage, guard: StepGuard): Promise<void> {
    const secrets = new Secrets();
    await this.#run('commit', ['-d', ...secrets.open(overlay)], guard, { secrets, timeoutMs: copyMs });
  }

  /** Changes only the name of the backing file in an overlay's header. */
  async renameBacking(
    overlay: OpenImage,
    backing: { readonly name: string; readonly format: ImageFormat },
    guard: StepGuard,
  ): Promise<void> {
    const secrets = new Secrets();
    const image = secrets.open({ ...overlay, below: null });
    await this.#run('rebase', ['-u', '-b', backing.name, '-F', backing.format, ...image], guard, { secrets });
  }

  /**
   * Copies what an image shows, its backing files included, into a new file without one.
   *
   * @param how.inUse a guest has the (raw) image open: read it all the same, as it is at some moment
   */
  async convert(
    from: OpenImage,
    to: NewImage,
    guard: StepGuard,
    how: { readonly compress?: boolean; readonly inUse?: boolean } = {},
  ): Promise<void> {
    const secrets = new Secrets();
    const flags = [...(how.compress === true ? ['-c'] : []), ...(how.inUse === true ? ['-U'] : [])];
    const argv = [...flags, '-O', to.format, ...secrets.make(to), ...secrets.open(from), to.path];
    await this.#run('convert', argv, guard, { secrets, timeoutMs: copyMs });
  }

  async resize(image: OpenImage, bytes: number, guard: StepGuard): Promise<void> {
    const secrets = new Secrets();
    await this.#run('resize', [...secrets.open(image), String(bytes)], guard, { secrets });
  }

  /** Gives back clusters of a qcow2 image that nothing refers to; changes nothing else. */
  async freeLeaks(image: OpenImage, guard: StepGuard): Promise<void> {
    const secrets = new Secrets();
    await this.#run('check', ['-r', 'leaks', ...secrets.open(image)], guard, { secrets, timeoutMs: copyMs });
  }

  #run(
    command: string,
    argv: readonly string[],
    guard: StepGuard,
    { secrets, timeoutMs = quickMs }: { readonly secrets: Secrets; readonly timeoutMs?: number },
  ): Promise<CommandResult> {
    // Options and images stand in any order; a passphrase takes seconds to be tried, of every image of a chain anew.
    const all = ['qemu-img', command, '-q', ...secrets.objects(), ...argv] as const;
    const { texts } = secrets;
    const patience = texts.length === 0 ? timeoutMs : Math.max(timeoutMs, unlockMs);
    return this.#supervised(all, { guard, timeoutMs: patience, secrets: texts });
  }

  async #supervised(argv: readonly [string, ...string[]], options: Parameters<Exec['run']>[1]): Promise<CommandResult> {
    for (let tries = 1; ; tries += 1) {
      try {
        return await this.#exec.run(argv, options);
      } catch (error) {
        if (!(error instanceof CommandError)) throw error;
        if (lockMessage.test(error.stderr)) {
          throw new ImageBusyError(error.message, { cause: error, outcome: 'not-started' });
        }
        if (!clockMessage.test(error.stderr) || tries >= mostTries) throw error;
      }
    }
  }
}

function parseInfo(text: string): ImageInfo {
  const parsed: unknown = JSON.parse(text);
  const record = typeof parsed === 'object' && parsed !== null ? (parsed as Readonly<Record<string, unknown>>) : {};
  const optional = (key: string): string | null => (typeof record[key] === 'string' ? record[key] : null);
  const format = optional('format');
  const virtualSize = record['virtual-size'];
  if (format === null || typeof virtualSize !== 'number')
    throw new Error(`qemu-img info answered ${text.slice(0, 200)}`);
  return {
    format,
    virtualSize,
    backingFile: optional('backing-filename'),
    backingFormat: optional('backing-filename-format'),
  };
}
