import { Type } from '@sinclair/typebox';
import { CinderError } from '../../domain/exceptions.ts';
import { ById } from '../../volume/operations/arguments.ts';
import type { ServiceMethod, ServicePorts } from './service-method.ts';

const Args = Type.Object({ group: ById });

/** The targets of the option `replication_device`, which no driver of ours has a use for: none. */
export const listReplicationTargets = ({ db }: ServicePorts): ServiceMethod<typeof Args> => ({
  name: 'list_replication_targets',
  kind: 'call',
  args: Args,
  run: async ({ group: { id } }) => {
    if ((await db.groups.get(id)) !== null) return { replication_targets: [] };
    throw new CinderError('VolumeBackendAPIException', {
      data: `Get replication targets failed. Group ${id} not found.`,
    });
  },
});
