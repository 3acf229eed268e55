import type { MessagePort } from 'node:worker_threads';
import type { Health } from '../kernel/component.ts';
import { reportHealth } from './lock-worker-host.ts';
import { ProofCell } from './proof-cell.ts';
import type { FromWorker, ToEnd, ToHeartbeat } from './worker-protocol.ts';

/** What one lock service needs for its heartbeats, on the lock thread; `What` is what its backend has it keep. */
export interface Renewals<What extends object> {
  start(): void;
  stop(): Promise<void>;
  /** Whether what is kept can be renewed now. */
  health(): Health;
  /**
   * Renews `what` until it is removed. A renewal that is confirmed extends the proof, counted from when it was sent.
   *
   * @param lost to be called once, when the service says that it is gone; ends the proof
   */
  add(id: number, what: What, proof: ProofCell, lost: (why: string) => void): void;
  remove(id: number): void;
}

/** The worker's side of worker-protocol where it only renews. */
export class HeartbeatHost<What extends object> {
  readonly #port: MessagePort;
  readonly #renewals: Renewals<What>;

  constructor(port: MessagePort, renewals: Renewals<What>) {
    this.#port = port;
    this.#renewals = renewals;
  }

  listen(): void {
    this.#port.on('message', (message: ToHeartbeat | ToEnd) => this.#handle(message));
    this.#renewals.start();
    this.#send({ event: 'started', guarantees: undefined });
    reportHealth(this.#port, this.#renewals);
  }

  #send(message: FromWorker): void {
    this.#port.postMessage(message);
  }

  #handle(message: ToHeartbeat | ToEnd): void {
    switch (message.op) {
      case 'keep': {
        const { id, what } = message;
        const proof = new ProofCell(message.proof);
        const lost = (why: string): void => {
          // A main loop that is blocked reads no message, and has acted when it does.
          proof.end();
          this.#send({ event: 'lost', id, why });
        };
        this.#renewals.add(id, what as What, proof, lost);
        break;
      }
      case 'let-go':
        this.#renewals.remove(message.id);
        break;
      case 'stop':
      case 'stop-now':
        void this.#stop();
        break;
    }
  }

  async #stop(): Promise<void> {
    await this.#renewals.stop();
    this.#send({ event: 'stopped' });
    this.#port.close();
  }
}
