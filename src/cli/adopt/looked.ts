import type { Config } from '../../config/load.ts';
import { InvalidInputError } from '../../kernel/errors.ts';
import { queueDepths } from '../../rpc/rabbit/queue-depths.ts';
import type { QueueDepths } from '../../service/join-cluster.ts';

/** What has been looked at, in words, and what hinders doing it. */
export interface Looked {
  readonly report: string;
  readonly hindrances: readonly string[];
  readonly act: () => Promise<void>;
  /** What came to queues that nobody reads any more while it was done. */
  readonly late: () => Promise<readonly string[]>;
}

/** `host@backend` of the service that rows leave or go to. */
export function hostOf(config: Config, backend: string, named: string | undefined): string {
  const host = named ?? config.backend(backend).backendHost ?? config.settings.service.host;
  if (/[@#\s]/.test(host))
    throw new InvalidInputError('host', `"${host}" has an @, # or space: name it without a backend`);
  return `${host}@${backend}`;
}

export function depthsOf(config: Config): QueueDepths {
  const { service, rabbit } = config.settings;
  return (queues) => queueDepths({ url: service.transportUrl, options: rabbit }, queues);
}

/** The API reads a row and sends; what it had read before the change goes to the queue of before. */
export async function waitingIn(depths: QueueDepths, queues: readonly string[]): Promise<readonly string[]> {
  return [...(await depths(queues))].flatMap(([name, waiting]) =>
    waiting === null || waiting === 0
      ? []
      : [
          `${waiting} requests came to ${name} meanwhile, which nobody reads now: start a service of that name once more`,
        ],
  );
}
