import type { OperationPorts } from './operation.ts';

/**
 * The backends (the journal's names) whose driver is set up here. Nobody's work on another is taken up: a replica that
 * cannot reach a share would put its volumes into error, although another replica may reach it.
 */
export function readyBackends(ports: ReadonlyMap<string, OperationPorts>): readonly string[] {
  return [...ports].filter(([, { backend }]) => backend.ready()).map(([name]) => name);
}
