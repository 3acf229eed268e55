import { Type } from '@sinclair/typebox';
import type { ServiceMethod, ServicePorts } from './service-method.ts';

/** A scheduler that starts fans this out to every cinder-volume, and waits for the reports. */
export const publishServiceCapabilities = ({ backend }: ServicePorts): ServiceMethod => ({
  name: 'publish_service_capabilities',
  kind: 'cast',
  args: Type.Object({}),
  run: () => {
    backend.publishCapabilities();
    return Promise.resolve(null);
  },
});
