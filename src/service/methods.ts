import type { Json } from '../domain/json.ts';
import type { RpcRequest } from '../rpc/method.ts';

/** A method of the RPC table that needs no journal, no locks and no steps: it only asks or nudges this process. */
export interface ServiceMethod {
  readonly name: string;
  readonly kind: 'call' | 'cast';
  run(request: RpcRequest, signal: AbortSignal): Promise<Json>;
}

/** The simple methods of one backend. A scheduler that starts fans `publish_service_capabilities` out to all of us. */
export function serviceMethods(backend: { publishCapabilities(): void }): readonly ServiceMethod[] {
  return [
    {
      name: 'publish_service_capabilities',
      kind: 'cast',
      run: () => {
        backend.publishCapabilities();
        return Promise.resolve(null);
      },
    },
  ];
}
