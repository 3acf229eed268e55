import { describe, expect, it } from 'vitest';
import { engines } from './fixture.ts';
import { useFixture } from './use-fixture.ts';

describe.each(engines)('tokens on %s', (engine) => {
  const fixture = useFixture(engine, 'aa_fence');

  it('never let a purged name have an old one again', async () => {
    const before = (await fixture.db.fence.mint(['x', 'fast'])).get('x')!;
    for (let turn = 0; turn < 20; turn++) await fixture.db.fence.mint(['x']);
    const last = (await fixture.db.fence.mint(['x'])).get('x')!;
    expect(last).toBeGreaterThanOrEqual(before + 21n);
    // A token ahead of the clock would be given again: its row stays.
    await fixture.sql(`update aa_fence set token = token + 3600000 where name = 'fast'`);
    await fixture.backdate('aa_fence', 'minted_at', 3600);
    await expect
      .poll(() => fixture.db.fence.purge(60_000, 10).then(() => fixture.sql('select name from aa_fence')))
      .toEqual([{ name: 'fast' }]);
    expect((await fixture.db.fence.mint(['x'])).get('x')).toBeGreaterThan(last);
  });
});
