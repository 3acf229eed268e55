import { statSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { leaveOut } from '../../support/programs.ts';
import { FolderBackend } from './folder-backend.ts';

/** Files have the decided permissions whoever runs the service, and whatever its umask is. */
describe.skipIf(leaveOut('qemu-img')).each([
  ['false', 0o666, 0o777],
  ['true', 0o660, 0o770],
] as const)('with nas_secure_file_permissions = %s', (secure, fileMode, folderMode) => {
  let backend: FolderBackend;
  beforeAll(async () => {
    backend = await FolderBackend.start({ nasSecureFilePermissions: secure });
  });
  afterAll(() => backend.stop());

  it('gives every file its mode', async () => {
    const volume = await backend.available();
    const snapshot = await backend.snapshot(volume);
    const copy = backend.volume();
    await backend.driver.clone.create(copy, { kind: 'snapshot', snapshot, volume }, backend.work());
    const modes = backend.files().map((name) => statSync(backend.path(name)).mode & 0o777);
    expect(modes).toEqual([fileMode, fileMode, fileMode, fileMode]);
    expect(statSync(backend.path('.cinder-volume-aa')).mode & 0o777).toBe(folderMode);
    await backend.removeSnapshot(snapshot, volume);
    await backend.driver.remove(volume, backend.work());
    expect(backend.files()).toEqual([`volume-${copy.id}`]);
  });
});

const asOther = process.getuid?.() !== 0;

it.runIf(asOther)('does not start on a share that it may not write to', async () => {
  const share = process.env['TEST_ROOT_SHARE'] ?? '/';
  await expect(FolderBackend.on(share)).rejects.toMatchObject({ errno: 'EACCES', outcome: 'failed' });
});
