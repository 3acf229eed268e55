import { Type } from '@sinclair/typebox';
import { cleanUp } from '../../volume/cleanup.ts';
import type { ServiceMethod, ServicePorts } from './service-method.ts';

const NullableText = Type.Optional(Type.Union([Type.Null(), Type.String()]));
const Args = Type.Object({
  cleanup_request: Type.Object({
    service_id: Type.Integer(),
    resource_type: NullableText,
    resource_id: NullableText,
    until: NullableText,
  }),
});

/** What a service that is down has left, by its rows in the workers table. */
export const doCleanup = ({ db, backend, takeUp, log }: ServicePorts): ServiceMethod<typeof Args> => ({
  name: 'do_cleanup',
  kind: 'cast',
  args: Args,
  run: async ({ cleanup_request: wanted }, { request }) => {
    if (!backend.ready()) {
      // Another member, or reconciliation, sees to it; without a driver everything would end in error.
      log.warn({ service_id: wanted.service_id }, 'the driver is not ready: nothing is cleaned up');
      return null;
    }
    await cleanUp(wanted, { db, backend, takeUp, context: request.wire.context, log });
    return null;
  },
});
