import { randomUUID } from 'node:crypto';
import type { Volume } from '../../../src/domain/rows.ts';
import type { AssistedSnapshots } from '../../../src/drivers/assisted-snapshots.ts';
import type { CloneSource } from '../../../src/drivers/volume-driver.ts';
import { FolderBackend } from './folder-backend.ts';
import { belowOf, inImage } from './encrypted-image.ts';

/** A folder backend with encrypted volumes, each with a key of its own. */
export interface EncryptedBackend {
  readonly backend: FolderBackend;
  volume(over?: Partial<Volume>): Volume;
  available(): Promise<Volume>;
  clone(volume: Volume, source: CloneSource): Promise<Volume>;
  passphraseOf(volume: Volume): string;
  /** Of its active image. */
  path(volume: Volume): string;
  /** Runs a command of qemu-io in the active image, with this passphrase or the volume's. */
  guest(volume: Volume, command: string, passphrase?: string): string;
}

export async function encryptedBackend(nova?: AssistedSnapshots): Promise<EncryptedBackend> {
  const backend = await FolderBackend.start({}, nova);
  const passphraseOf = ({ encryption_key_id: id }: Volume): string => backend.passphrases.get(id ?? '') ?? '';
  const path = (volume: Volume): string => backend.path(backend.active(volume));
  const volume = (over: Partial<Volume> = {}): Volume => {
    const encryption_key_id = randomUUID();
    backend.passphrases.set(encryption_key_id, `${encryption_key_id.replaceAll('-', '')}00`);
    return backend.volume({ encryption_key_id, ...over });
  };
  return {
    ...{ backend, passphraseOf, path, volume },
    available: () => backend.available(volume()),
    clone: async (target, source) => {
      await backend.driver.clone.create(target, source, backend.work());
      return { ...target, status: 'available' };
    },
    guest: (of, command, passphrase = passphraseOf(of)) =>
      inImage({ path: path(of), format: 'qcow2', passphrase, below: belowOf(path(of)) }, command),
  };
}
