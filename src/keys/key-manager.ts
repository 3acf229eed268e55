import { CinderError } from '../domain/exceptions.ts';
import type { Caller } from '../images/image-service.ts';

/** Where the keys of encrypted volumes are kept. Reading one changes nothing: a successor reads it again. */
export interface KeyManager {
  /**
   * The key's bytes.
   *
   * @throws CinderError KeyManagerError where it cannot be had
   */
  get(caller: Caller, id: string, signal: AbortSignal): Promise<Buffer>;
}

/** The key cannot be had, for certain: nothing was begun with it. */
export function keyRefused(reason: string, cause?: unknown): CinderError {
  return new CinderError('KeyManagerError', { reason }, { outcome: 'not-started', cause });
}
