import { raceAbort } from '../../kernel/abort.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { EtcdSpec } from '../backend-spec.ts';
import { ProofCell } from '../proof-cell.ts';
import { leaseAnswer } from './etcd-answers.ts';
import type { EtcdGateway } from './etcd-gateway.ts';

/** As many are kept for those who come: each costs etcd a little. */
const mostSpares = 16;
/** The part of its life that a lease may have behind it when an acquisition begins with it. */
const youngShare = 1 / 3;

export interface Lease {
  readonly id: string;
  /** Until when etcd surely keeps what hangs on it: counted from when its grant, or its last renewal, was sent. */
  readonly proof: ProofCell;
}

/** How long the lease lives from when this was called; 0 if it has run out, or was revoked. */
export async function keepAlive(gateway: EtcdGateway, id: string): Promise<number> {
  return leaseAnswer(await gateway.call('lease/keepalive', { ID: id })).ttlMs;
}

/**
 * Leases for acquisitions. Each has one for itself; so revoking it takes back whatever an unanswered attempt may have
 * done or may yet do. One on which nothing hangs and of which every answer has come is as good as new, and serves the
 * next: so taking and giving back a lock are one round trip each.
 */
export class EtcdLeases {
  readonly #spec: EtcdSpec;
  readonly #clock: Clock;
  readonly #gateway: EtcdGateway;
  readonly #spares: Lease[] = [];
  #stopped = false;

  constructor(spec: EtcdSpec, deps: { readonly clock: Clock; readonly gateway: EtcdGateway }) {
    this.#spec = spec;
    this.#clock = deps.clock;
    this.#gateway = deps.gateway;
  }

  async take(): Promise<Lease> {
    for (let spare = this.#spares.pop(); spare !== undefined; spare = this.#spares.pop()) {
      if (this.#isYoung(spare)) return spare;
      void this.revoke(spare);
    }
    return this.#grant();
  }

  /** Of a lease on which nothing hangs, when everything that was asked with it has been answered. */
  giveBack(lease: Lease): void {
    if (!this.#stopped && this.#spares.length < mostSpares && this.#isYoung(lease)) this.#spares.push(lease);
    else void this.revoke(lease);
  }

  /** Takes back whatever hangs on it or will yet. If this does not arrive, its time to live ends it. */
  async revoke({ id }: Lease): Promise<void> {
    await this.#gateway.call('lease/revoke', { ID: id }).catch(() => undefined);
  }

  /** Sees to it that one is at hand for whoever comes next, and that no others are left over. */
  async refresh(): Promise<void> {
    const spare = this.#spares.pop() ?? (await this.#grant());
    for (const one of this.#spares.splice(0)) this.giveBack(one);
    if (await this.#renew(spare)) this.giveBack(spare);
  }

  async stop(force: AbortSignal): Promise<void> {
    this.#stopped = true;
    const left = Promise.all(this.#spares.splice(0).map((spare) => this.revoke(spare)));
    await raceAbort(left, force).catch(() => undefined);
  }

  #isYoung({ proof }: Lease): boolean {
    return proof.untilMs() - this.#clock.nowMs() > this.#spec.ttlMs * (1 - youngShare);
  }

  async #grant(): Promise<Lease> {
    const sentMs = this.#clock.nowMs();
    const request = { TTL: String(Math.ceil(this.#spec.ttlMs / 1000)), ID: '0' };
    const { id, ttlMs } = leaseAnswer(await this.#gateway.call('lease/grant', request));
    const lease = { id, proof: new ProofCell() };
    lease.proof.extend(sentMs + ttlMs);
    return lease;
  }

  async #renew({ id, proof }: Lease): Promise<boolean> {
    const sentMs = this.#clock.nowMs();
    const ttlMs = await keepAlive(this.#gateway, id);
    if (ttlMs > 0) proof.extend(sentMs + ttlMs);
    return ttlMs > 0;
  }
}
