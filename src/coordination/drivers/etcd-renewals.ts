import type { EtcdSpec } from '../backend-spec.ts';
import type { RemoteBackendDeps } from '../lock-worker-host.ts';
import { txnAnswer } from './etcd-answers.ts';
import { EtcdGateway } from './etcd-gateway.ts';
import { keepAlive } from './etcd-leases.ts';
import { checkTxn, type EtcdLockKey } from './etcd-requests.ts';
import { KeptRenewals } from './kept-renewals.ts';

/** What is renewed of an acquisition. */
export interface EtcdKept {
  readonly lease: string;
  /** Once the lock is won. Who waits has only a place in its queue. */
  readonly key?: EtcdLockKey;
}

/**
 * Renews, on the lock thread, the leases on which the main loop's locks and places in queues hang. Each beat renews a
 * lease and then sees, through the majority, that the lock's key is still ours.
 */
export function etcdRenewals(spec: EtcdSpec, deps: RemoteBackendDeps): KeptRenewals<EtcdKept> {
  const gateway = new EtcdGateway(spec, deps.log, 'heartbeats');
  const service = {
    name: 'etcd',
    ttlMs: spec.ttlMs,
    open: () => undefined,
    close: () => gateway.close(),
    health: () => gateway.health(),
    pauseMs: (kept: number) => gateway.pauseMs(kept > 0),
    probe: () => gateway.probe(),
    renew: (kept: EtcdKept) => renew(gateway, kept),
  };
  return new KeptRenewals(service, deps);
}

async function renew(gateway: EtcdGateway, { lease, key }: EtcdKept): Promise<number | string> {
  const ttlMs = await keepAlive(gateway, lease);
  if (ttlMs <= 0) return 'its lease in etcd has run out';
  // The renewal is one member's word; this is the majority's.
  const isOurs = key === undefined || txnAnswer(await gateway.call('kv/txn', checkTxn(key))).succeeded;
  return isOurs ? ttlMs : 'its key in etcd is gone or somebody else’s';
}
