import { originText, type Origin } from './fault.ts';

/** Something that does not keep the service from working, but is probably not what the operator meant. */
export interface Warning {
  /**
   * - `unknown`: nobody reads it; `deprecated`: read by an old name; `ignored`: has no effect in this place or here;
   * - `adjusted`: another value is used instead; `unsafe`: several replicas would not exclude one another or be told
   *   apart; `accepted`: upstream's, needless here, and no reason for concern.
   */
  readonly kind: 'unknown' | 'deprecated' | 'ignored' | 'adjusted' | 'unsafe' | 'accepted';
  readonly where: Origin;
  readonly message: string;
}

export function warningText({ where, message }: Warning): string {
  return `${originText(where)}: ${message}`;
}
