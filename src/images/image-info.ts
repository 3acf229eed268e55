import { isJsonObject } from '../domain/json.ts';
import type { Json, JsonObject } from '../domain/json.ts';
import { CommandError, type Exec, type StepGuard } from '../drivers/exec.ts';
import { ImageFault } from './inspect/image-bytes.ts';

/** With how much qemu-img must be able to read an image's header: a hostile one would take all memory, for ever. */
export interface InfoLimits {
  readonly cpuMs: number;
  readonly addressSpaceBytes: number;
}

/** Longer than the computing time: reading may wait for the disk. */
const waitFactor = 5;

/**
 * What qemu-img makes of an image that `inspectImage` has let through: the second opinion, by the program that will
 * convert it. Answers the virtual size in bytes.
 *
 * @throws ImageFault where it sees another format, or another file behind it
 */
export async function virtualSizeOf(
  exec: Exec,
  image: { readonly path: string; readonly format: string },
  limits: InfoLimits,
  guard: StepGuard,
): Promise<number> {
  const info = await qemuInfo(exec, image, limits, guard);
  if (info['format'] !== image.format) throw new ImageFault('qemu-img sees another format');
  if (info['backing-filename'] !== undefined) throw new ImageFault('it has a backing file');
  if (info['encrypted'] === true && image.format !== 'luks') throw new ImageFault('it is encrypted');
  checkSpecific(info, image.path);
  const size = info['virtual-size'];
  if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0)
    throw new ImageFault('its size is impossible');
  return size;
}

async function qemuInfo(
  exec: Exec,
  { path, format }: { readonly path: string; readonly format: string },
  { cpuMs, addressSpaceBytes }: InfoLimits,
  guard: StepGuard,
): Promise<JsonObject> {
  const cpu = `--cpu=${Math.max(1, Math.ceil(cpuMs / 1000))}`;
  const limited = ['prlimit', `--as=${addressSpaceBytes}`, cpu, '--'] as const;
  try {
    const argv = [...limited, 'qemu-img', 'info', '-f', format, '--output=json', path] as const;
    const { stdout } = await exec.run(argv, { guard, timeoutMs: cpuMs * waitFactor });
    const info = JSON.parse(stdout) as Json;
    if (isJsonObject(info)) return info;
  } catch (thrown) {
    guard.signal.throwIfAborted();
    // It only reads: that it was killed at a limit is the image's fault, and leaves nothing behind.
    if (!(thrown instanceof CommandError || thrown instanceof SyntaxError)) throw thrown;
  }
  throw new ImageFault(
    'qemu-img cannot read it within image_conversion_cpu_limit and image_conversion_address_space_limit',
  );
}

function checkSpecific(info: JsonObject, path: string): void {
  const specific = info['format-specific'];
  const data = isJsonObject(specific) && isJsonObject(specific['data']) ? specific['data'] : {};
  if (data['data-file'] !== undefined) throw new ImageFault('it keeps its data in another file');
  const extents: readonly Json[] = Array.isArray(data['extents']) ? data['extents'] : [];
  if (extents.some((extent) => isJsonObject(extent) && extent['filename'] !== path)) {
    throw new ImageFault('its extents are other files');
  }
}
