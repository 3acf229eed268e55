import { AppError, type Outcome } from '../kernel/errors.ts';

/** A service of OpenStack gave no answer, or not the one that was asked for. Never holds a token. */
export class OpenStackError extends AppError {
  readonly code = 'OPENSTACK';
  /** The HTTP status; null where none came. */
  readonly status: number | null;
  /** False: nothing of the request has left this machine, so the service cannot have taken it. */
  readonly sent: boolean;

  constructor(message: string, options: ErrorOptions & { outcome?: Outcome; status?: number; sent?: boolean } = {}) {
    super(message, options);
    this.status = options.status ?? null;
    this.sent = options.sent ?? true;
  }
}
