import { AppError } from '../kernel/errors.ts';
import { CommandError, type Exec, type StepGuard } from './exec.ts';

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
/** Copying is bounded by the locks, not by a clock; this ends a copy that nobody waits for any more. */
const copyMs = 24 * 3600_000;
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
    const { stdout } = await this.#run(argv, guard, quickMs);
    return parseInfo(stdout);
  }

  /** Whether an overlay holds anything of its own, data or zeros, besides what its backing files show. */
  async holdsData(path: string, guard: StepGuard): Promise<boolean> {
    const argv = [...readLimits, 'qemu-img', 'map', '-f', 'qcow2', '--output=json', path] as const;
    const { stdout } = await this.#run(argv, guard, quickMs);
    const parsed: unknown = JSON.parse(stdout);
    if (!Array.isArray(parsed)) throw new Error(`qemu-img map answered ${stdout.slice(0, 200)}`);
    // Where nothing is said of `present` (qemu before 6.1) all that is its own counts.
    return parsed.some((one: { depth?: unknown; present?: unknown }) => one.depth === 0 && one.present !== false);
  }

  /** An empty overlay; the backing file is named relative to it and not opened (`-u`). */
  async createOverlay(
    overlay: { readonly path: string; readonly bytes: number },
    backing: { readonly name: string; readonly format: ImageFormat },
    guard: StepGuard,
  ): Promise<void> {
    const from = ['-u', '-b', backing.name, '-F', backing.format] as const;
    const argv = ['qemu-img', 'create', '-q', '-f', 'qcow2', ...from, overlay.path, String(overlay.bytes)] as const;
    await this.#run(argv, guard, quickMs);
  }

  /** An empty qcow2 image with its metadata laid out. */
  async createQcow2(path: string, bytes: number, guard: StepGuard): Promise<void> {
    const argv = [
      'qemu-img',
      'create',
      '-q',
      '-f',
      'qcow2',
      '-o',
      'preallocation=metadata',
      path,
      String(bytes),
    ] as const;
    await this.#run(argv, guard, copyMs);
  }

  /** Writes an overlay's data into its backing file; the overlay keeps it too (`-d`), so that this can be repeated. */
  async commit(path: string, guard: StepGuard): Promise<void> {
    await this.#run(['qemu-img', 'commit', '-q', '-d', '-f', 'qcow2', path], guard, copyMs);
  }

  /** Changes only the name of the backing file in an overlay's header. */
  async renameBacking(
    path: string,
    backing: { readonly name: string; readonly format: ImageFormat },
    guard: StepGuard,
  ): Promise<void> {
    const argv = [
      'qemu-img',
      'rebase',
      '-q',
      '-u',
      '-f',
      'qcow2',
      '-b',
      backing.name,
      '-F',
      backing.format,
      path,
    ] as const;
    await this.#run(argv, guard, quickMs);
  }

  /**
   * Copies what an image shows, its backing files included, into a new file without one.
   *
   * @param how.inUse a guest has the (raw) image open: read it all the same, as it is at some moment
   */
  async convert(
    from: { readonly path: string; readonly format: string },
    to: { readonly path: string; readonly format: string },
    guard: StepGuard,
    how: { readonly compress?: boolean; readonly inUse?: boolean } = {},
  ): Promise<void> {
    const flags = [...(how.compress === true ? ['-c'] : []), ...(how.inUse === true ? ['-U'] : [])];
    const argv = [
      'qemu-img',
      'convert',
      '-q',
      ...flags,
      '-f',
      from.format,
      '-O',
      to.format,
      from.path,
      to.path,
    ] as const;
    await this.#run(argv, guard, copyMs);
  }

  async resize(path: string, format: ImageFormat, bytes: number, guard: StepGuard): Promise<void> {
    await this.#run(['qemu-img', 'resize', '-q', '-f', format, path, String(bytes)], guard, quickMs);
  }

  async #run(argv: readonly [string, ...string[]], guard: StepGuard, timeoutMs: number): Promise<{ stdout: string }> {
    try {
      return await this.#exec.run(argv, { guard, timeoutMs });
    } catch (error) {
      if (error instanceof CommandError && lockMessage.test(error.stderr)) {
        throw new ImageBusyError(error.message, { cause: error, outcome: 'not-started' });
      }
      throw error;
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
