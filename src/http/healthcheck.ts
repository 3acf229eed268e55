import type { CheckResult } from './readiness.ts';

export interface HealthcheckAnswer {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
}

/**
 * The answer of oslo.middleware's `/healthcheck`, which load balancers and deployers' tools know: 200 and `OK`, or 503
 * and the reasons, one to a line; JSON where only that is accepted; without a body for HEAD, then 204 instead of 200.
 */
export function healthcheckAnswer(results: readonly CheckResult[], head: boolean, accept: string): HealthcheckAnswer {
  const failing = results.filter(({ ok }) => !ok);
  const healthy = failing.length === 0;
  if (head) return { status: healthy ? 204 : 503, contentType: 'text/plain; charset=UTF-8', body: '' };
  const reasons = healthy ? ['OK'] : failing.map(reasonOf);
  const status = healthy ? 200 : 503;
  if (!wantsJson(accept)) return { status, contentType: 'text/plain; charset=UTF-8', body: reasons.join('\n') };
  const body = JSON.stringify({ detailed: false, reasons }, null, 4);
  return { status, contentType: 'application/json; charset=UTF-8', body };
}

/** The file's check says only its own words, as upstream's; ours are named. */
function reasonOf({ name, detail }: CheckResult): string {
  return name === 'disable_by_file' ? (detail ?? name) : `${name}: ${detail ?? 'not ok'}`;
}

/** Plain text wins wherever it is accepted at all, and where nothing fits. */
function wantsJson(accept: string): boolean {
  const types = accept.split(',').map((part) => part.split(';')[0]?.trim().toLowerCase());
  const plain = types.some((type) => type === '' || type === '*/*' || type === 'text/*' || type === 'text/plain');
  return !plain && types.some((type) => type === 'application/json' || type === 'application/*');
}
