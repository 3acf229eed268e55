import { DatabaseError } from '../db/database.ts';
import { AppError, toError } from '../kernel/errors.ts';
import type { Logger } from '../log/logger.ts';
import type { RpcRequest, RpcService } from '../rpc/method.ts';
import { checkArgs } from '../volume/check-args.ts';
import type { ServiceMethod } from './methods/service-method.ts';

export interface ServiceRpcOptions {
  readonly methods: readonly ServiceMethod[];
  /** What serves all other methods. */
  readonly inner: RpcService;
  /** A cast that takes longer is offered again. */
  readonly castDeadlineMs: number;
  readonly log: Logger;
}

/** The table of methods with the service's own before the others. */
export function createServiceRpc({ methods, inner, castDeadlineMs, log }: ServiceRpcOptions): RpcService {
  const own = new Map(methods.map((method) => [method.name, method]));
  return {
    version: inner.version,
    kindOf: (name) => own.get(name)?.kind ?? inner.kindOf(name),
    accept: async (request) => {
      const method = own.get(request.method);
      if (method === undefined) return inner.accept(request);
      try {
        await run(method, request, AbortSignal.timeout(castDeadlineMs));
      } catch (thrown) {
        if (!isFinal(thrown)) throw thrown;
        log.error({ err: toError(thrown), method: request.method }, 'refused a request');
      }
    },
    call: (request, signal) => {
      const method = own.get(request.method);
      return method === undefined ? inner.call(request, signal) : run(method, request, signal);
    },
  };
}

/** Async, so that arguments that do not fit reject as well. */
async function run(method: ServiceMethod, request: RpcRequest, signal: AbortSignal): ReturnType<RpcService['call']> {
  return method.run(checkArgs(method.args, request.plain), { request, signal });
}

/** Offered again, it would end the same. */
function isFinal(thrown: unknown): boolean {
  return thrown instanceof AppError && !(thrown instanceof DatabaseError) && thrown.outcome !== 'unknown';
}
