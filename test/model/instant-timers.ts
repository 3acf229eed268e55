type Timers = Pick<typeof globalThis, 'setTimeout' | 'clearTimeout' | 'setInterval' | 'clearInterval' | 'setImmediate'>;

const real: Timers = {
  setTimeout: globalThis.setTimeout,
  clearTimeout: globalThis.clearTimeout,
  setInterval: globalThis.setInterval,
  clearInterval: globalThis.clearInterval,
  setImmediate: globalThis.setImmediate,
};

let outstanding = 0;

class InstantTimer {
  #isCancelled = false;

  constructor(run: () => void) {
    outstanding += 1;
    real.setImmediate(() => {
      outstanding -= 1;
      if (!this.#isCancelled) run();
    });
  }

  cancel(): void {
    this.#isCancelled = true;
  }

  unref(): this {
    return this;
  }
}

/**
 * Runs `work`, and everything that it sets off, until nothing of it moves by itself any more. Its timers fire at once: how
 * long a pause is decides only what happens before its end, and the model tries every order anyway.
 */
export async function untilQuiet(work: () => void): Promise<void> {
  const set = (run: () => void): InstantTimer => new InstantTimer(run);
  const clear = (timer: unknown): void => {
    if (timer instanceof InstantTimer) timer.cancel();
  };
  Object.assign(globalThis, { setTimeout: set, clearTimeout: clear, setImmediate: set });
  try {
    work();
    do await new Promise<void>((resolve) => void real.setImmediate(resolve));
    while (outstanding > 0);
  } finally {
    Object.assign(globalThis, real);
  }
}
