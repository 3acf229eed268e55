import { describe, expect, it } from 'vitest';
import { readLockWaits } from '../../../src/dev/replica-figures.ts';

const text = `# TYPE cinder_volume_aa_lock_wait_seconds histogram
cinder_volume_aa_lock_wait_seconds_bucket{le="0.005",outcome="had"} 5
cinder_volume_aa_lock_wait_seconds_bucket{le="0.025",outcome="had"} 7
cinder_volume_aa_lock_wait_seconds_bucket{le="+Inf",outcome="had"} 10
cinder_volume_aa_lock_wait_seconds_sum{outcome="had"} 2.5
cinder_volume_aa_lock_wait_seconds_count{outcome="had"} 10
cinder_volume_aa_lock_wait_seconds_bucket{le="0.025",outcome="timeout"} 0
cinder_volume_aa_lock_wait_seconds_sum{outcome="timeout"} 1.5
cinder_volume_aa_lock_wait_seconds_count{outcome="timeout"} 1
`;

describe('readLockWaits', () => {
  it('counts what took longer than 25 ms, over all outcomes', () => {
    expect(readLockWaits(text)).toEqual({ count: 4, seconds: 4 });
    expect(readLockWaits('')).toEqual({ count: 0, seconds: 0 });
  });
});
