/** What a contender process is started with. */
export interface ContenderTask {
  /** `[coordination] backend_url`. */
  readonly url: string;
  readonly databaseUrl: string;
  readonly times: { readonly lockTtlMs: number; readonly heartbeatMs: number; readonly safetyMarginMs: number };
  readonly locks: readonly string[];
  /** The file that it writes on. */
  readonly story: string;
  /** Begins the names of its leases, no two alike. */
  readonly name: string;
  readonly seed: number;
}
