import type { Component, Health } from '../kernel/component.ts';
import { AppError, toError } from '../kernel/errors.ts';
import type { Logger } from '../log/logger.ts';
import type { BackendUnit } from './backend-unit.ts';

/**
 * All enabled backends of this replica, started side by side: one that cannot be served does not stop the others. Only
 * when none can is the start a failure.
 */
export class Backends implements Component {
  readonly name = 'backends';
  readonly #units: readonly BackendUnit[];
  readonly #log: Logger;
  readonly #failures = new Map<BackendUnit, Error>();

  constructor(units: readonly BackendUnit[], log: Logger) {
    this.#units = units;
    this.#log = log;
  }

  /** Those that are served; their drivers may still be coming up. For after the start. */
  get started(): readonly BackendUnit[] {
    return this.#units.filter((unit) => !this.#failures.has(unit));
  }

  async start(signal: AbortSignal): Promise<void> {
    await Promise.all(this.#units.map((unit) => this.#startOne(unit, signal)));
    signal.throwIfAborted();
    if (this.started.length > 0) return;
    const errors = [...this.#failures.values()];
    throw new NoBackendError({ cause: errors.length === 1 ? errors[0] : new AggregateError(errors) });
  }

  async stop(how: { force: AbortSignal }): Promise<void> {
    const results = await Promise.allSettled(this.#units.map((unit) => unit.stop(how)));
    for (const result of results) {
      if (result.status === 'rejected')
        this.#log.warn({ err: toError(result.reason) }, 'A backend did not stop cleanly');
    }
  }

  /** At least one backend that works; what hinders the others is in the detail all the same. */
  health(): Health {
    const states = this.#units.map((unit) => ({ name: unit.name, health: this.#healthOf(unit) }));
    const broken = states.filter(({ health }) => !health.ok);
    const detail = broken.map(({ name, health }) => `${name}: ${health.detail ?? 'not ok'}`).join('; ');
    return { ok: broken.length < states.length, ...(detail !== '' && { detail }) };
  }

  #healthOf(unit: BackendUnit): Health {
    const failure = this.#failures.get(unit);
    return failure === undefined ? unit.health() : { ok: false, detail: `failed to start: ${failure.message}` };
  }

  async #startOne(unit: BackendUnit, signal: AbortSignal): Promise<void> {
    try {
      await unit.start(signal);
    } catch (thrown) {
      const err = toError(thrown);
      this.#failures.set(unit, err);
      if (!signal.aborted) this.#log.error({ err, host: unit.host }, `Volume service ${unit.host} failed to start`);
    }
  }
}

export class NoBackendError extends AppError {
  readonly code = 'NO_BACKEND';
  constructor(options: ErrorOptions) {
    super('No volume service(s) started successfully', { ...options, outcome: 'not-started' });
  }
}
