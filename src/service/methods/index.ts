import { doCleanup } from './do-cleanup.ts';
import { failoverCompleted } from './failover-completed.ts';
import { freezeHost, thawHost } from './freeze-host.ts';
import { getCapabilities } from './get-capabilities.ts';
import { listReplicationTargets } from './list-replication-targets.ts';
import { getLogLevels, setLogLevels } from './log-levels.ts';
import { publishServiceCapabilities } from './publish-service-capabilities.ts';
import type { ServiceMethod, ServicePorts } from './service-method.ts';

/** The service's own methods of one backend. */
export function serviceMethods(ports: ServicePorts): readonly ServiceMethod[] {
  return [
    publishServiceCapabilities(ports),
    getCapabilities(ports),
    setLogLevels(ports),
    getLogLevels(ports),
    freezeHost(ports),
    thawHost(ports),
    failoverCompleted(ports),
    listReplicationTargets(ports),
    doCleanup(ports),
  ];
}
