/** What a part says of itself to readiness and status. */
export interface Health {
  readonly ok: boolean;
  /** One line for a person; always there when `ok` is false. */
  readonly detail?: string;
}

/**
 * A part with a life: its constructor only assigns, `start` does the I/O, `stop` is safe at any time and twice.
 * Parts are started in order and stopped in reverse (kernel/lifecycle).
 */
export interface Component {
  readonly name: string;
  start(signal: AbortSignal): Promise<void>;
  /** Ends in its own good time until `force` aborts, then as fast as is safe. */
  stop(how: { force: AbortSignal }): Promise<void>;
  health(): Health;
}
