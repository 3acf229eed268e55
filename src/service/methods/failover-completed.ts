import { Type } from '@sinclair/typebox';
import { Updates } from '../../volume/operations/arguments.ts';
import type { ServiceMethod, ServicePorts } from './service-method.ts';

const Args = Type.Object({ updates: Updates });

/**
 * The end of a cluster's failover, fanned out to all members: each writes its own services row. It is not journalled,
 * because it is one message for all of them. A driver has to follow to the new backend here; none of ours can, so the
 * row says what upstream's says of such a driver.
 */
export const failoverCompleted = ({ db, backend, log }: ServicePorts): ServiceMethod<typeof Args> => ({
  name: 'failover_completed',
  kind: 'cast',
  args: Args,
  run: async ({ updates }) => {
    const disabled_reason = 'Driver reported error during replication failover completion.';
    log.error({ host: backend.host }, disabled_reason);
    await db.services.update(backend.service.id, {
      ...(updates.active_backend_id !== undefined && { active_backend_id: updates.active_backend_id }),
      disabled: true,
      disabled_reason,
      replication_status: 'error',
    });
    return null;
  },
});
