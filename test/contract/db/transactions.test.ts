import { describe, expect, it } from 'vitest';
import { engines, gate } from './fixture.ts';
import { createVolume } from './rows.ts';
import { useFixture } from './use-fixture.ts';

describe.each(engines)('transactions on %s', (engine) => {
  const fixture = useFixture(engine, 'volumes');

  it('are all or nothing', async () => {
    const { id } = await createVolume(fixture.db);
    const failing = fixture.db.transaction(async (statements) => {
      await statements.volumes.update(id, { status: 'available' });
      throw new Error('on purpose');
    });
    await expect(failing).rejects.toThrow('on purpose');
    expect((await fixture.db.volumes.get(id))?.status).toBe('creating');
  });

  it('that swallow a failed statement do not pass for committed', async () => {
    const { id } = await createVolume(fixture.db);
    const swallowed = fixture.db.transaction(async (statements) => {
      await statements.volumes.update(id, { status: 'available' });
      await statements.volumes.create({ id }).catch(() => undefined);
    });
    await expect(swallowed).rejects.toMatchObject({ code: 'DATABASE', outcome: 'failed' });
    expect((await fixture.db.volumes.get(id))?.status).toBe('creating');
  });

  it("run again as a deadlock's victim", async () => {
    const [one, two] = [await createVolume(fixture.db), await createVolume(fixture.db)];
    const gates = [gate(), gate()];
    let runs = 0;
    const crosswise = (first: string, second: string, mine: number) =>
      fixture.db.transaction(async (statements) => {
        runs++;
        await statements.volumes.update(first, { display_name: `by ${mine}` });
        gates[mine]?.open();
        await gates[1 - mine]?.opened;
        await statements.volumes.update(second, { display_name: `by ${mine}` });
      });
    await Promise.all([crosswise(one.id, two.id, 0), crosswise(two.id, one.id, 1)]);
    expect(runs).toBe(3);
    const names = await Promise.all([one, two].map(({ id }) => fixture.db.volumes.get(id)));
    expect(names[0]?.display_name).toBe(names[1]?.display_name);
  });
});
