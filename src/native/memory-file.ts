import { closeSync, writeSync } from 'node:fs';
import koffi from 'koffi';
import { SystemCallError } from './ofd-lock.ts';

/** linux/memfd.h: programs that are started meanwhile do not get it. */
const MFD_CLOEXEC = 1;

const memfdCreate = koffi.load(null).func('int memfd_create(const char *name, unsigned int flags)');

/**
 * A file in memory that has no name anywhere: a child that is given its descriptor opens it as `/dev/fd/…`, and it is
 * gone with the last process that has it, however that ends. The caller closes the descriptor.
 */
export function memoryFile(text: string): number {
  const fd = Number(memfdCreate('cinder-volume-aa', MFD_CLOEXEC));
  if (fd < 0) throw new SystemCallError('memfd_create', koffi.errno());
  try {
    writeSync(fd, text);
    return fd;
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}
