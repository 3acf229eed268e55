import { failure, testInterrupted, volumeTypes, worldOf, type Fails, type Scenario } from './interrupted.ts';
import { GROUP, VOLUME, goldType, madeVolume, serviceRow } from './rows.ts';
import type { World } from './world.ts';

function migrating(fails: Fails = {}, row: object = { migration_status: 'starting' }): World {
  return worldOf(
    {
      files: { [VOLUME]: 'data' },
      tables: {
        volumes: { [VOLUME]: madeVolume({ previous_status: 'available', ...row }) },
        services: { 8: serviceRow({ id: 8, host: 'other@nfs9' }) },
        volumeTypes: { ...volumeTypes, [GROUP]: { ...goldType, id: GROUP, extra_specs: { speed: 'high' } } },
        reservations: { r1: { of: 'project gigabytes', delta: 2 } },
      },
    },
    fails,
  );
}

const migrate = { volume: { id: VOLUME }, host: { host: 'other@nfs9#pool' } };
const retype = { ...migrate, new_type_id: GROUP, migration_policy: 'on-demand', reservations: ['r1'] };
const sameType = { ...retype, new_type_id: goldType.id, host: { host: 'ctl@nfs1#pool' } };

const scenarios: readonly Scenario[] = [
  ['a migration', 'migrate_volume', migrate, () => migrating()],
  ['a migration that fails', 'migrate_volume', migrate, () => migrating({ copy: failure })],
  ['a retype', 'retype', retype, () => migrating({}, { status: 'retyping' })],
  ['a retype that fails', 'retype', retype, () => migrating({ copy: failure }, { status: 'retyping' })],
  ['a retype that moves nothing', 'retype', sameType, () => migrating({}, { status: 'retyping' })],
];

testInterrupted(scenarios);
