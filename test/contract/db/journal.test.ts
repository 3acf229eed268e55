import { randomUUID } from 'node:crypto';
import { beforeEach, describe, expect, it } from 'vitest';
import { ClaimLostError } from '../../../src/db/database.ts';
import { engines, gate, one } from './fixture.ts';
import { newEntry, newIncarnation, newMessage } from './rows.ts';
import { useFixture } from './use-fixture.ts';

describe.each(engines)('the journal on %s', (engine) => {
  const fixture = useFixture(engine, 'aa_journal', 'aa_fence', 'aa_outbox', 'aa_incarnation');
  const [a, b] = ['incarnation-a', 'incarnation-b'];
  beforeEach(() => fixture.sql(`delete from workers where resource_type <> 'SENTINEL'`));

  const received = async (owner = a, change = {}) => one(await fixture.db.journal.receive([newEntry(change)], owner));
  const pause = (): Promise<string> => new Promise((resolve) => setTimeout(resolve, 150, 'nobody'));

  describe('receive', () => {
    it('answers with the new entries alone, in their order', async () => {
      const [first, second] = [newEntry(), newEntry()];
      expect(await fixture.db.journal.receive([first], a)).toMatchObject([{ uniqueId: first.uniqueId, claim: 0 }]);
      const again = await fixture.db.journal.receive([first, second, second], b);
      expect(again).toMatchObject([{ ...second, owner: b, notes: {} }]);
      expect(await fixture.db.journal.receive([], a)).toEqual([]);
    });

    it('keeps what the message said, whatever characters it used', async () => {
      const args = { name: 'grün 🚀 \0 \ud800 "\\u0000"', nested: [1, null, { deep: true }] };
      const entry = await received(a, { args, resourceId: 'with\0nul' });
      const kept = one(await fixture.db.journal.unfinished(['host@nfs'], 10));
      expect(kept.args).toEqual(args);
      expect(kept).toMatchObject({ id: entry.id, owner: a, resourceId: 'with\uFFFDnul' });
      expect(kept.receivedAt).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}$/);
    });

    it('gives an entry to one of many replicas that receive it at once', async () => {
      const entries = Array.from({ length: 20 }, () => newEntry());
      const shuffled = [entries, entries.toReversed(), entries.slice(5), entries.slice(0, 15)];
      const got = await Promise.all(shuffled.map((some, at) => fixture.db.journal.receive(some, `owner-${at}`)));
      expect(
        got
          .flat()
          .map(({ uniqueId }) => uniqueId)
          .toSorted(),
      ).toEqual(entries.map(({ uniqueId }) => uniqueId).toSorted());
    });
  });

  describe('claim and finish', () => {
    it('counts claims, mints growing tokens and hands the predecessors notes on', async () => {
      const { id } = await received();
      const first = await fixture.db.journal.claim(id, a, ['one', 'two', 'one']);
      expect(first).toMatchObject({ entryId: id, number: 1, notes: {} });
      expect([...(first?.tokens.keys() ?? [])].toSorted()).toEqual(['one', 'two']);
      await fixture.db.journal.note(first!, { sent: true, odd: '\0 \ud800 \\u0000' });
      await fixture.db.journal.note(first!, { more: { deep: 1 } });
      const second = await fixture.db.journal.claim(id, b, ['two', 'three']);
      expect(second).toMatchObject({
        number: 2,
        notes: { sent: true, odd: '\uFFFD \uFFFD \\u0000', more: { deep: 1 } },
      });
      expect(second!.tokens.get('two')).toBeGreaterThan(first!.tokens.get('two')!);
    });

    it('takes the workers row as upstream does, and drops it with the end, that of the newest claim alone', async () => {
      const { id, resourceId } = await received();
      await fixture.sql(`delete from services where host = 'h'`);
      await fixture.sql(`insert into services (host, report_count, frozen, uuid) values ('h', 0, false, ?)`, [
        randomUUID(),
      ]);
      const service = one(await fixture.sql<{ id: string }>(`select id from services where host = 'h'`));
      await fixture.db.workers.create('Volume', resourceId, 'creating');
      const worker = { resourceType: 'Volume', resourceId, status: 'creating', serviceId: Number(service.id) } as const;
      await fixture.db.journal.claim(id, a, ['x'], worker);
      expect(await fixture.db.workers.ofService(worker.serviceId)).toMatchObject([
        { resource_id: resourceId, status: 'creating', race_preventer: 1 },
      ]);
      const old = (await fixture.db.journal.claim(id, a, ['x'], { ...worker, status: 'downloading' }))!;
      const rows = [{ status: 'downloading', race_preventer: 2 }];
      expect(await fixture.db.workers.ofService(worker.serviceId)).toMatchObject(rows);
      const young = (await fixture.db.journal.claim(id, b, ['x']))!;
      await expect(fixture.db.journal.finish(old, 'done', null, worker)).rejects.toThrow(ClaimLostError);
      expect(await fixture.db.workers.ofService(worker.serviceId)).toMatchObject(rows);
      await fixture.db.journal.finish(young, 'done', null, worker);
      expect(await fixture.db.workers.ofService(worker.serviceId)).toEqual([]);
    });

    it('refuses a predecessor everything once a successor has claimed', async () => {
      const { id } = await received();
      const old = (await fixture.db.journal.claim(id, a, ['x']))!;
      const young = (await fixture.db.journal.claim(id, b, ['x']))!;
      await expect(fixture.db.journal.note(old, { late: true })).rejects.toThrow(ClaimLostError);
      await expect(fixture.db.journal.finish(old, 'done', null)).rejects.toThrow(ClaimLostError);
      await expect(fixture.db.fence.check(old.tokens, old)).rejects.toThrow(ClaimLostError);
      await expect(fixture.db.fence.check(old.tokens)).rejects.toThrow(ClaimLostError);
      await fixture.db.fence.check(young.tokens, young);
      await fixture.db.journal.finish(young, 'done', null);
      expect(await fixture.db.journal.outcomeOf(id)).toEqual({ outcome: 'done', claim: 2 });
      expect(await fixture.db.journal.claim(id, a, ['x'])).toBeNull();
      await expect(fixture.db.journal.finish(young, 'refused', 'twice')).rejects.toThrow(ClaimLostError);
    });

    it('guards a row between two steps as it guards the end', async () => {
      const { id } = await received();
      const volume = randomUUID();
      await fixture.db.volumes.create({ id: volume, status: 'creating' });
      const old = (await fixture.db.journal.claim(id, a, ['x', 'y']))!;
      const place = (location: string, claim = old): Promise<number> =>
        fixture.db.volumes.updateGuarded(claim, volume, { provider_location: location }, { provider_location: null });
      expect(await place('srv:/a')).toBe(1);
      expect(await place('srv:/b')).toBe(0);
      await fixture.db.volumes.update(volume, { provider_location: null });
      await fixture.db.fence.mint(['y']);
      await expect(place('srv:/c')).rejects.toThrow(ClaimLostError);
      const young = (await fixture.db.journal.claim(id, b, ['x', 'y']))!;
      await expect(place('srv:/d')).rejects.toThrow(ClaimLostError);
      expect(await fixture.db.volumes.get(volume)).toMatchObject({ provider_location: null });
      expect(await place('srv:/e', young)).toBe(1);
    });

    it('refuses a claim whose lock somebody else holds by now, and undoes the whole settlement', async () => {
      const { id } = await received();
      const claim = (await fixture.db.journal.claim(id, a, ['x', 'y']))!;
      await fixture.db.fence.mint(['y']);
      const settlement = fixture.db.transaction(async (statements) => {
        await statements.outbox.add([newMessage('of-a-loser')], a);
        await statements.journal.finish(claim, 'done', null);
      });
      await expect(settlement).rejects.toThrow(ClaimLostError);
      await expect(fixture.db.journal.finish(claim, 'done', null)).rejects.toThrow(ClaimLostError);
      expect(await fixture.db.outbox.pending(a, 1000, 10)).toEqual([]);
      expect(await fixture.db.journal.outcomeOf(id)).toEqual({ outcome: null, claim: 1 });
      expect(await fixture.db.journal.endOf('no such message')).toBeNull();
    });

    it('makes a successor wait for a settlement under way, which then wins', async () => {
      const { id } = await received();
      const claim = (await fixture.db.journal.claim(id, a, ['x']))!;
      const inside = gate();
      const goOn = gate();
      const settled = fixture.db.transaction(async (statements) => {
        await statements.journal.finish(claim, 'done', 'fine');
        inside.open();
        await goOn.opened;
      });
      await inside.opened;
      const successor = fixture.db.journal.claim(id, b, ['x']);
      const minted = fixture.db.fence.mint(['x']);
      expect(await Promise.race([successor, minted, pause()])).toBe('nobody');
      goOn.open();
      await settled;
      expect(await successor).toBeNull();
      expect((await minted).get('x')).toBeGreaterThan(claim.tokens.get('x')!);
    });

    it('lets exactly one of many claims finish', async () => {
      const { id } = await received();
      const claims = await Promise.all(
        Array.from({ length: 8 }, (_, at) => fixture.db.journal.claim(id, `o${at}`, ['x', 'y'])),
      );
      expect(claims.map((claim) => claim?.number).toSorted()).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
      const ends = await Promise.allSettled(claims.map((claim) => fixture.db.journal.finish(claim!, 'done', null)));
      expect(ends.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    });

    it('ends an entry however much there is to say of it', async () => {
      const much = 'volume 🚀: '.repeat(20_000);
      const [claimed, fresh] = [await received(), await received()];
      const claim = await fixture.db.journal.claim(claimed.id, a, ['x']);
      await fixture.db.journal.finish(claim!, 'refused', much);
      await fixture.db.journal.refuse(fresh.id, much);
      for (const { uniqueId } of [claimed, fresh]) {
        const end = await fixture.db.journal.endOf(uniqueId);
        expect(end?.outcome).toBe('refused');
        expect(end?.detail?.startsWith('volume 🚀: volume')).toBe(true);
      }
    });

    it('refuses only what was never claimed', async () => {
      const [fresh, claimed] = [await received(), await received()];
      await fixture.db.journal.claim(claimed.id, a, []);
      await fixture.db.journal.refuse(fresh.id, 'does not decode');
      await fixture.db.journal.refuse(claimed.id, 'does not decode');
      expect(await fixture.db.journal.outcomeOf(fresh.id)).toEqual({ outcome: 'refused', claim: 0 });
      expect(await fixture.db.journal.outcomeOf(claimed.id)).toEqual({ outcome: null, claim: 1 });
      const ends = [fresh, claimed].map(({ uniqueId }) => fixture.db.journal.endOf(uniqueId));
      const refused = { outcome: 'refused', detail: 'does not decode' };
      expect(await Promise.all(ends)).toEqual([refused, { outcome: null, detail: null }]);
      expect(await fixture.db.journal.outcomeOf('999999999')).toBeNull();
    });
  });

  describe('adopt', () => {
    it('takes free entries and those of the silent and the gone, of its backends, and never its own', async () => {
      await fixture.db.incarnations.register(newIncarnation(a));
      await fixture.db.incarnations.register(newIncarnation(b));
      await fixture.db.incarnations.register(newIncarnation('silent'));
      await fixture.backdate('aa_incarnation', 'beat_at', 60, `id = 'silent'`);
      const mine = await received(a);
      const others = await received(b);
      const silent = await received('silent');
      const gone = await received('gone');
      const free = await received(b);
      await fixture.db.journal.giveBack(b, free.id);
      const elsewhere = await received('gone', { backend: 'host@other' });
      const finished = await received('gone');
      await fixture.db.journal.refuse(finished.id, '');

      const adopted = await fixture.db.journal.adopt(a, ['host@nfs'], 10_000, 100);
      expect(adopted.map(({ id }) => id)).toEqual([silent.id, gone.id, free.id]);
      expect(adopted.every(({ owner, claim }) => owner === a && claim === 0)).toBe(true);
      expect(await fixture.db.journal.adopt(a, ['host@nfs'], 10_000, 100)).toEqual([]);
      const left = await fixture.db.journal.unfinished(['host@nfs', 'host@other'], 100);
      expect(left.map(({ id, owner }) => [id, owner])).toEqual([
        [mine.id, a],
        [others.id, b],
        [silent.id, a],
        [gone.id, a],
        [free.id, a],
        [elsewhere.id, 'gone'],
      ]);
    });

    it('gives each entry to one of several that adopt at once', async () => {
      const owners = ['o1', 'o2', 'o3', 'o4'];
      for (const id of owners) await fixture.db.incarnations.register(newIncarnation(id));
      await fixture.db.journal.receive(
        Array.from({ length: 40 }, () => newEntry()),
        'gone',
      );
      const turns = Array.from({ length: 5 }, () => owners).flat();
      const got = await Promise.all(turns.map((owner) => fixture.db.journal.adopt(owner, ['host@nfs'], 10_000, 3)));
      const ids = got.flat().map(({ id }) => id);
      expect(new Set(ids).size).toBe(ids.length);
      const rest = await fixture.db.journal.adopt('o1', ['host@nfs'], 10_000, 100);
      expect(ids.length + rest.length).toBe(40);
    });

    it('passes over a row that is just being given to somebody', async () => {
      await fixture.db.incarnations.register(newIncarnation(b));
      const { id } = await received('gone');
      await fixture.sql('begin');
      await fixture.sql(`update aa_journal set owner = ? where id = ?`, [b, id]);
      const adopted = fixture.db.journal.adopt(a, ['host@nfs'], 10_000, 10);
      expect(await adopted).toEqual([]);
      await fixture.sql('commit');
      expect(await fixture.db.journal.adopt(a, ['host@nfs'], 10_000, 10)).toEqual([]);
    });

    it('gives back all of an owner, or one', async () => {
      const [first] = [await received(), await received(), await received()];
      expect(await fixture.db.journal.giveBack(a, first.id)).toBe(1);
      expect(await fixture.db.journal.giveBack(a)).toBe(2);
      expect(await fixture.db.journal.giveBack(a)).toBe(0);
    });
  });

  describe('purge', () => {
    it('removes finished entries by age, so long as duplicates may come', async () => {
      const [old, open] = [newEntry(), newEntry()];
      const [first] = await fixture.db.journal.receive([old, open], a);
      await fixture.db.journal.refuse(first!.id, '');
      expect(await fixture.db.journal.purge(60_000, 10)).toBe(0);
      expect(await fixture.db.journal.receive([old], a)).toEqual([]);
      await fixture.backdate('aa_journal', 'finished_at', 3600, `id = ${first!.id}`);
      expect(await fixture.db.journal.purge(60_000, 10)).toBe(1);
      expect(await fixture.db.journal.unfinished(['host@nfs'], 10)).toMatchObject([{ uniqueId: open.uniqueId }]);
    });
  });
});
