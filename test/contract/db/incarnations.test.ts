import { describe, expect, it } from 'vitest';
import { engines, one } from './fixture.ts';
import { newIncarnation } from './rows.ts';
import { useFixture } from './use-fixture.ts';

describe.each(engines)('incarnations on %s', (engine) => {
  const fixture = useFixture(engine, 'aa_incarnation');
  const a = 'incarnation-a';

  it('live by their heartbeat', async () => {
    await fixture.db.incarnations.register(newIncarnation(a));
    await fixture.backdate('aa_incarnation', 'beat_at', 5);
    expect(one(await fixture.db.incarnations.list()).beatAgeMs).toBeGreaterThanOrEqual(5000);
    await fixture.db.incarnations.beat(a);
    expect(one(await fixture.db.incarnations.list())).toMatchObject({ ...newIncarnation(a), holdsProbe: false });
    await fixture.db.incarnations.setProbe(a, true);
    expect(one(await fixture.db.incarnations.list()).holdsProbe).toBe(true);
    expect(one(await fixture.db.incarnations.list()).beatAgeMs).toBeLessThan(5000);
    await fixture.db.incarnations.register(newIncarnation('long ago'));
    await fixture.backdate('aa_incarnation', 'beat_at', 25 * 3600, `id = 'long ago'`);
    expect(await fixture.db.incarnations.purge(86_400_000, 10)).toBe(1);
    expect(one(await fixture.db.incarnations.list()).id).toBe(a);
    await fixture.db.incarnations.remove(a);
    expect(await fixture.db.incarnations.list()).toEqual([]);
    await expect(fixture.db.incarnations.beat(a)).rejects.toThrow('no row any more');
  });
});
