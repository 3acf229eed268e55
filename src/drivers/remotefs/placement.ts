import { CinderError } from '../../domain/exceptions.ts';
import { gib } from './settings.ts';

/** One mounted share with what is known of its room. */
export interface Candidate {
  readonly location: string;
  readonly totalBytes: number;
  readonly availableBytes: number;
  /** Promised to volumes so far, by the rows of all services: a reservation that counts from the moment it is made. */
  readonly provisionedGb: number;
}

export interface PlacementRules {
  readonly reservedPercentage: number;
  readonly maxOverSubscriptionRatio: number;
}

/** Whether a share may take another `sizeGb`: the space used, the space promised, and the ratio stay in bounds. */
export function isEligible(share: Candidate, sizeGb: number, rules: PlacementRules): boolean {
  const { totalBytes, availableBytes } = share;
  if (totalBytes <= 0) return false;
  const promised = share.provisionedGb * gib;
  const used = (totalBytes - availableBytes) / totalBytes;
  return (
    used <= (100 - rules.reservedPercentage) / 100 &&
    totalBytes * rules.maxOverSubscriptionRatio - promised > sizeGb * gib &&
    promised / totalBytes < rules.maxOverSubscriptionRatio
  );
}

/** The shares that can be used now. */
export interface Candidates {
  readonly usable: readonly Candidate[];
  /** Why nothing is known of another one, which may have room: its server did not answer. */
  readonly doubt: Error | undefined;
}

/**
 * The eligible share with the least promised; of equals the first.
 *
 * @throws `doubt` where there is none: a share that hangs is no refusal
 */
export function chooseShare({ usable, doubt }: Candidates, sizeGb: number, rules: PlacementRules): Candidate {
  const [first, ...rest] = usable.filter((share) => isEligible(share, sizeGb, rules));
  if (first === undefined) throw doubt ?? noShare(usable, sizeGb);
  return rest.reduce((best, share) => (share.provisionedGb < best.provisionedGb ? share : best), first);
}

function noShare(usable: readonly Candidate[], sizeGb: number): CinderError {
  if (usable.length === 0) return new CinderError('NfsNoSharesMounted', {}, { outcome: 'not-started' });
  return new CinderError('NfsNoSuitableShareFound', { volume_size: sizeGb }, { outcome: 'not-started' });
}
