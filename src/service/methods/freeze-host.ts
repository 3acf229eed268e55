import { Type } from '@sinclair/typebox';
import type { ServiceChanges } from '../../db/ports/services.ts';
import { NotRegisteredError } from '../registration.ts';
import type { ServiceMethod, ServicePorts } from './service-method.ts';

/*
 * Frozen: the API refuses whatever would change the backend. That is in the rows' `frozen`, which the API writes before
 * it calls; here only services rows are disabled, so that the scheduler places nothing. No driver of ours has a part in
 * it.
 *
 * Of a cluster the rows of all members change: the freeze reaches one of them and the thaw another, and where each
 * wrote its own row alone, as upstream does, one would stay disabled for ever. A member that an operator has disabled
 * keeps his reason.
 */

const FROZEN = { disabled: true, disabled_reason: 'frozen' };
const THAWED = { disabled: false, disabled_reason: '' };

export const freezeHost = (ports: ServicePorts): ServiceMethod => ({
  name: 'freeze_host',
  kind: 'call',
  args: Type.Object({}),
  run: async () => {
    await write(ports, FROZEN, { disabled: false });
    ports.log.info({ host: ports.backend.host }, 'Set backend status to frozen successfully.');
    return true;
  },
});

export const thawHost = (ports: ServicePorts): ServiceMethod => ({
  name: 'thaw_host',
  kind: 'call',
  args: Type.Object({}),
  run: async () => {
    await write(ports, THAWED, { disabled_reason: FROZEN.disabled_reason });
    ports.log.info({ host: ports.backend.host }, 'Thawed backend successfully.');
    return true;
  },
});

async function write(
  { db, backend }: ServicePorts,
  changes: ServiceChanges & { readonly disabled: boolean },
  ofMembers: { readonly disabled: boolean } | { readonly disabled_reason: string },
): Promise<void> {
  const service = await db.services.get(backend.service.id);
  if (service === null) throw new NotRegisteredError(backend.host);
  const { id, binary, cluster_name: cluster } = service;
  if (cluster === null || cluster === '') return db.services.update(id, changes);
  return db.services.updateMembers({ cluster, binary }, changes, ofMembers);
}
