import type { Health } from '../kernel/component.ts';
import { CoordinationError, type Guarantees, type Holder } from './coordinator.ts';
import type { HeldLock, LockBackend } from './lock-backend.ts';

/** A backend on the main loop that can be asked for several locks in one round trip. */
export type PromptBackend = LockBackend & Required<Pick<LockBackend, 'tryOne'>>;

/** A backend whose client library is loaded when it starts: nobody pays for those of other lock services. */
export class LoadedBackend implements PromptBackend {
  readonly name: string;
  readonly #load: () => Promise<PromptBackend>;
  #backend: PromptBackend | undefined;

  constructor(name: string, load: () => Promise<PromptBackend>) {
    this.name = name;
    this.#load = load;
  }

  /** Before the start: nothing beyond this process. */
  get guarantees(): Guarantees {
    return this.#backend?.guarantees ?? { scope: 'process', survivesFailover: false, fifo: false };
  }

  async start(signal: AbortSignal): Promise<void> {
    this.#backend = await this.#load();
    await this.#backend.start(signal);
  }

  async stop(how: { force: AbortSignal }): Promise<void> {
    await this.#backend?.stop(how);
  }

  health(): Health {
    return this.#backend?.health() ?? { ok: false, detail: 'not started' };
  }

  acquireOne(wireName: string, signal: AbortSignal): Promise<HeldLock> {
    return this.#started().acquireOne(wireName, signal);
  }

  tryOne(wireName: string, signal: AbortSignal): Promise<HeldLock | undefined> {
    return this.#started().tryOne(wireName, signal);
  }

  async holders(): Promise<readonly Holder[]> {
    return this.#started().holders();
  }

  #started(): PromptBackend {
    if (this.#backend === undefined) throw new CoordinationError(`${this.name} were not started`);
    return this.#backend;
  }
}
