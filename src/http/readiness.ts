import { access } from 'node:fs/promises';
import type { Health } from '../kernel/component.ts';
import { messageOf } from '../kernel/errors.ts';
import { BoundedCache } from './bounded-cache.ts';

/** One thing that must hold for this replica to be ready. */
export interface NamedCheck {
  readonly name: string;
  /** The signal aborts at the check's deadline. Throwing is not being ready. */
  readonly check: (signal: AbortSignal) => Promise<Health> | Health;
}

export interface CheckResult extends Health {
  readonly name: string;
}

export interface ReadinessOptions {
  readonly checks: readonly NamedCheck[];
  /** While this file exists the replica says that it is not ready. */
  readonly disableByFile: string | null;
  readonly freshMs?: number;
  readonly deadlineMs?: number;
}

/** All checks, side by side, each bounded and cached by itself. */
export class Readiness {
  readonly #caches: readonly { readonly name: string; readonly cache: BoundedCache<Health> }[];

  constructor(options: ReadinessOptions) {
    const { checks, disableByFile, freshMs = 1000, deadlineMs = 2000 } = options;
    const all = disableByFile === null ? checks : [...checks, fileCheck(disableByFile)];
    this.#caches = all.map(({ name, check }) => ({
      name,
      cache: new BoundedCache({ what: name, look: check, freshMs, deadlineMs }),
    }));
  }

  /** In the order of the checks; never rejects. */
  results(): Promise<readonly CheckResult[]> {
    return Promise.all(
      this.#caches.map(async ({ name, cache }) => {
        try {
          return { name, ...(await cache.get()) };
        } catch (error) {
          return { name, ok: false, detail: messageOf(error) };
        }
      }),
    );
  }
}

/** The words of oslo.middleware's check of the same name. */
export const DISABLED_BY_FILE = 'DISABLED BY FILE';

function fileCheck(path: string): NamedCheck {
  const exists = (): Promise<boolean> =>
    access(path).then(
      () => true,
      () => false,
    );
  return {
    name: 'disable_by_file',
    check: async () => ((await exists()) ? { ok: false, detail: DISABLED_BY_FILE } : { ok: true }),
  };
}
