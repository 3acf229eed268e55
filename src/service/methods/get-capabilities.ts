import { Type } from '@sinclair/typebox';
import { standardProperties } from '../capabilities.ts';
import type { ServiceMethod, ServicePorts } from './service-method.ts';

const Args = Type.Object({ discover: Type.Boolean() });

/** What the driver can do, for administrators: its figures, and the extra specs that it would understand. */
export const getCapabilities = ({ backend }: ServicePorts): ServiceMethod<typeof Args> => ({
  name: 'get_capabilities',
  kind: 'call',
  args: Args,
  run: async ({ discover }, { signal }) => {
    const figures = await backend.capabilities(discover, signal);
    // A driver that was never up has nothing to say, as in upstream.
    return Object.keys(figures).length === 0 ? {} : { ...figures, properties: standardProperties };
  },
});
