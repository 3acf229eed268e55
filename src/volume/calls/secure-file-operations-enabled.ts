import { Type } from '@sinclair/typebox';
import type { RpcCall } from '../rpc-service.ts';
import { requireReady } from './call-parts.ts';

/* secure_file_operations_enabled: how the backup service may open the file of a volume of this backend. */

const Args = Type.Object({});

export const secureFileOperationsEnabled: RpcCall<typeof Args> = {
  name: 'secure_file_operations_enabled',
  args: Args,
  run: (_args, { ports }) => {
    // Before the driver's set-up nobody has decided it.
    requireReady(ports);
    return Promise.resolve(ports.backend.driver.secureFileOperations());
  },
};
