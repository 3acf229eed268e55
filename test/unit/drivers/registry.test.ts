import { describe, expect, it } from 'vitest';
import { createDriver, driverClasses } from '../../../src/drivers/registry.ts';
import { silentLogger } from '../../../src/log/logger.ts';
import { defaults } from '../../integration/drivers/folder-backend.ts';

const given = {
  name: 'b',
  options: defaults,
  stateDir: '/nowhere',
  assisted: { createSnapshot: () => Promise.resolve(), removeSnapshot: () => Promise.resolve() },
  clock: { nowMs: () => 0 },
  log: silentLogger,
  helperEntry: '/nowhere/helper.js',
};

describe('the registry of drivers', () => {
  it.each(driverClasses)('makes %s, which several services may share', (classPath) => {
    const driver = createDriver(classPath, given);
    expect(driver.info).toMatchObject({ driverClass: classPath, activeActive: true, prefix: 'nfs' });
    expect(driver.locksForVolume('x')).toEqual(['nfs-x']);
  });

  it('names the nearest to an unknown one', () => {
    expect(() => createDriver('cinder.volume.drivers.nfs.NFSDriver', given)).toThrow(
      'did you mean cinder.volume.drivers.nfs.NfsDriver?',
    );
  });

  it('has no snapshots without nfs_snapshot_support', () => {
    const driver = createDriver(driverClasses[0] ?? '', {
      ...given,
      options: { ...defaults, nfsSnapshotSupport: false },
    });
    expect([driver.snapshots, driver.clone]).toEqual([undefined, undefined]);
  });
});
