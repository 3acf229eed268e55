import { CinderError } from '../../domain/exceptions.ts';
import { Completion } from '../operations/arguments.ts';
import type { RpcCall } from '../rpc-service.ts';

/*
 * migrate_volume_completion: the answer to the API, which asks for Nova. The work is the operation of the same name:
 * half of it cannot be left, when the caller has given up or this replica ends.
 */

export const migrateVolumeCompletion: RpcCall<typeof Completion> = {
  name: 'migrate_volume_completion',
  args: Completion,
  async run({ volume: { id } }, { carried }) {
    const { outcome, detail } = await carried();
    if (outcome === 'done') return id;
    const message = detail ?? 'Volume migration failed.';
    throw new CinderError('VolumeMigrationFailed', { reason: message }, { message, outcome: 'failed' });
  },
};
