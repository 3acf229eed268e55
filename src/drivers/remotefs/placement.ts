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

/** The eligible share with the least promised; of equals the first. */
export function chooseShare(shares: readonly Candidate[], sizeGb: number, rules: PlacementRules): Candidate {
  if (shares.length === 0) throw new CinderError('NfsNoSharesMounted', {}, { outcome: 'not-started' });
  const eligible = shares.filter((share) => isEligible(share, sizeGb, rules));
  const [first, ...rest] = eligible;
  if (first === undefined) {
    throw new CinderError('NfsNoSuitableShareFound', { volume_size: sizeGb }, { outcome: 'not-started' });
  }
  return rest.reduce((best, share) => (share.provisionedGb < best.provisionedGb ? share : best), first);
}
