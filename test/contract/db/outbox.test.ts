import { describe, expect, it } from 'vitest';
import { engines, one } from './fixture.ts';
import { newIncarnation, newMessage } from './rows.ts';
import { useFixture } from './use-fixture.ts';

describe.each(engines)('the outbox on %s', (engine) => {
  const fixture = useFixture(engine, 'aa_outbox', 'aa_incarnation');
  const [a, b] = ['incarnation-a', 'incarnation-b'];

  it('keeps messages in order until they are sent, for their owner or in place of a dead one', async () => {
    await fixture.db.incarnations.register(newIncarnation(b));
    await fixture.db.outbox.add([newMessage('1'), newMessage('2')], a);
    await fixture.db.outbox.add([newMessage('3'), newMessage('1')], b);
    const ids = async (owner: string) =>
      (await fixture.db.outbox.pending(owner, 10_000, 10)).map(({ uniqueId }) => uniqueId);
    expect(await ids(a)).toEqual(['1', '2']);
    expect(await ids(b)).toEqual(['1', '2', '3']);
    expect(one(await fixture.db.outbox.pending(a, 10_000, 1))).toEqual(newMessage('1'));
    const notification = { ...newMessage('4'), kind: 'notification' } as const;
    await fixture.db.outbox.add([notification], b);
    expect(await fixture.db.outbox.pending(b, 10_000, 10, ['notification'])).toEqual([notification]);
    const others = await fixture.db.outbox.pending(b, 10_000, 2, ['cast', 'fanout', 'reply']);
    expect(others.map(({ uniqueId }) => uniqueId)).toEqual(['1', '2']);
    await fixture.db.outbox.sent(['1', '4', 'unknown']);
    expect(await ids(a)).toEqual(['2']);
  });
});
