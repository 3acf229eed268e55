import { Type } from '@sinclair/typebox';
import type { ServiceMethod, ServicePorts } from './service-method.ts';

/*
 * Frozen: the API refuses whatever would change the backend. That is in the rows' `frozen`, which the API writes before
 * it calls; here only the services row is disabled, so that the scheduler places nothing. No driver of ours has a part
 * in it. Of a cluster, one member's row is disabled, as in upstream: the scheduler goes by the cluster's own.
 */

export const freezeHost = ({ db, backend, log }: ServicePorts): ServiceMethod => ({
  name: 'freeze_host',
  kind: 'call',
  args: Type.Object({}),
  run: async () => {
    await db.services.update(backend.service.id, { disabled: true, disabled_reason: 'frozen' });
    log.info({ host: backend.host }, 'Set backend status to frozen successfully.');
    return true;
  },
});

export const thawHost = ({ db, backend, log }: ServicePorts): ServiceMethod => ({
  name: 'thaw_host',
  kind: 'call',
  args: Type.Object({}),
  run: async () => {
    await db.services.update(backend.service.id, { disabled: false, disabled_reason: '' });
    log.info({ host: backend.host }, 'Thawed backend successfully.');
    return true;
  },
});
