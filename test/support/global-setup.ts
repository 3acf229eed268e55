import type { TestProject } from 'vitest/node';
import { ServerBroker } from './server-broker.ts';

declare module 'vitest' {
  interface ProvidedContext {
    serverBroker: string;
  }
}

/** vitest's global set-up: no server is started before a test asks for it. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const broker = new ServerBroker();
  project.provide('serverBroker', await broker.start());
  return () => broker.stop();
}
