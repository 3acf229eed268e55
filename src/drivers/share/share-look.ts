import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { isErrno } from '../../kernel/errors.ts';
import { ofdLockOwner } from '../../native/ofd-lock.ts';
import { luksDataOffset } from '../luks-header.ts';
import { parseQcow2Header, Qcow2HeaderError, qcow2HeaderBytes, type Qcow2Header } from '../qcow2-header.ts';
import { CallError, type CallGuard } from './call-guard.ts';
import type { ShareFiles } from './share-files.ts';
import { pathIn, type AllowedFolders } from './share-paths.ts';
import { tempFolder, type ImageFacts, type ShareVerbs } from './share-protocol.ts';

const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;
const longestInfo = 4 * 1024 * 1024;
const longestChain = 4096;

/** The helper's looking: a whole volume in one round trip. */
export class ShareLook {
  readonly #allowed: AllowedFolders;
  readonly #files: ShareFiles;

  constructor(allowed: AllowedFolders, files: ShareFiles) {
    this.#allowed = allowed;
    this.#files = files;
  }

  async look(args: ShareVerbs['look']['args'], guard: CallGuard): Promise<ShareVerbs['look']['result']> {
    const { dir, base, tag, also, fresh, probe } = args;
    // First of all: what an older owner has not published yet must have nothing left to publish.
    await this.#files.removeTemps({ dir, base, tag, own: false }, guard);
    if (fresh) await this.#files.refresh(dir);
    const info = await infoText(pathIn(this.#allowed, dir, `${base}.info`));
    const images: Record<string, ImageFacts | null> = {};
    const see = async (name: string): Promise<ImageFacts | null> =>
      (images[name] ??= await imageFacts(pathIn(this.#allowed, dir, name), name, probe));
    let next = info === null ? base : activeOf(info);
    for (let depth = 0; next !== undefined && depth < longestChain; depth++) {
      // Whoever leads back to what was seen, or out of the volume's names, is for main to refuse.
      if (next in images || !belongs(next, base)) break;
      next = backingName(await see(next), base);
    }
    for (const name of [base, ...also]) if (!(name in images)) await see(name);
    return { info, images };
  }

  inspect({ dir, name, temp }: ShareVerbs['inspect']['args']): Promise<ImageFacts | null> {
    const path = temp ? pathIn(this.#allowed, dir, tempFolder, name) : pathIn(this.#allowed, dir, name);
    return imageFacts(path, name, false);
  }
}

/** What a file is, by its first bytes; null: there is none. @throws CallError where it is no regular file */
export async function imageFacts(path: string, name: string, probe: boolean): Promise<ImageFacts | null> {
  const handle = await open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK).catch(nothing);
  if (handle === null) return null;
  try {
    const stat = await handle.stat();
    if (!stat.isFile()) throw new CallError('REFUSED', `${path} is not a regular file`, 'failed');
    const buffer = Buffer.alloc(qcow2HeaderBytes);
    const { bytesRead } = await handle.read(buffer, 0, buffer.length, 0);
    const beginning = buffer.subarray(0, bytesRead);
    const header = headerIn(beginning);
    const luksDataAt = luksDataOffset(beginning);
    const busy = probe && (await ofdLockOwner(handle.fd)) !== undefined;
    return { name, bytes: stat.size, mode: stat.mode & 0o777, uid: stat.uid, gid: stat.gid, header, luksDataAt, busy };
  } finally {
    await handle.close();
  }
}

/** Of no image whose header it is can anything else be told. */
const unreadable: Qcow2Header = {
  ...{ version: 0, virtualSize: 0, backingFile: null, backingFormat: null },
  ...{ hasDataFile: false, encryption: null, corrupt: true },
};

/** Whether it matters that it cannot be read is for main to say: a raw volume's guest writes there what it likes. */
function headerIn(beginning: Buffer): Qcow2Header | null {
  try {
    return parseQcow2Header(beginning);
  } catch (error) {
    if (error instanceof Qcow2HeaderError) return unreadable;
    throw error;
  }
}

/** A small text file; null: there is none. */
export async function infoText(path: string): Promise<string | null> {
  const handle = await open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK).catch(nothing);
  if (handle === null) return null;
  try {
    const { size } = await handle.stat();
    if (size > longestInfo) throw new CallError('REFUSED', `${path} has ${size} bytes`, 'failed');
    return await handle.readFile('utf8');
  } finally {
    await handle.close();
  }
}

/** Where main cannot read `.info` it says so; here it is only a hint where to look. */
function activeOf(info: string): string | undefined {
  try {
    const parsed: unknown = JSON.parse(info);
    if (typeof parsed !== 'object' || parsed === null || !('active' in parsed)) return undefined;
    return typeof parsed.active === 'string' ? parsed.active : undefined;
  } catch {
    return undefined;
  }
}

function belongs(name: string, base: string): boolean {
  return name === base || (name.startsWith(`${base}.`) && !name.includes('/'));
}

/** A base file has no backing file, whatever a guest has written at its beginning. */
function backingName(facts: ImageFacts | null, base: string): string | undefined {
  if (facts === null || facts.name === base) return undefined;
  return facts.header?.backingFile?.split('/').at(-1);
}

function nothing(error: unknown): null {
  if (isErrno(error, 'ENOENT')) return null;
  throw error;
}
