import { AppError } from '../../kernel/errors.ts';
import type { WireError } from './share-protocol.ts';

/** A call to a share failed, or its end is not known. */
export class ShareError extends AppError {
  readonly code = 'SHARE';
  /** The errno's name (`ENOSPC`), or `DEADLINE`, `ABORTED`, `REFUSED`, `TAKEN`, `HELPER` (it was killed or died). */
  readonly errno: string;

  constructor(verb: string, error: WireError, options: ErrorOptions = {}) {
    super(`${verb}: ${error.message}`, { ...options, outcome: error.outcome });
    this.errno = error.code;
  }
}
