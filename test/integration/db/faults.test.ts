import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ClaimLostError, DatabaseError, type Database } from '../../../src/db/database.ts';
import type { DatabaseOptions } from '../../../src/db/database-options.ts';
import type { OutboxMessage } from '../../../src/db/ports/custody.ts';
import { openDatabase } from '../../../src/db/open-database.ts';
import { engines, one, startFixture, type Fixture } from '../../contract/db/fixture.ts';
import { newEntry } from '../../contract/db/rows.ts';
import { freePort } from '../../support/free-port.ts';
import { eventually } from '../../support/poll.ts';
import { TcpProxy } from '../../support/tcp-proxy.ts';

describe.each(engines)('on %s', (engine) => {
  let fixture: Fixture;
  let proxy: TcpProxy;
  let far: Database;

  beforeAll(async () => {
    fixture = await startFixture(engine);
  });
  afterAll(() => fixture.close());

  beforeEach(async () => {
    proxy = await new TcpProxy({ port: Number(new URL(fixture.url).port) }).start();
  });
  afterEach(() => proxy.stop());

  /** A replica whose way to the database leads through the proxy. */
  async function throughProxy(options: Partial<DatabaseOptions> = {}): Promise<Database> {
    const url = new URL(fixture.url);
    url.port = String(proxy.port);
    far = await fixture.open({ url: url.href, prepareSchema: false, ...options });
    return far;
  }

  const message: OutboxMessage = { uniqueId: 'm', kind: 'cast', topic: 't', server: null, payload: { method: 'x' } };

  async function claimed() {
    const { id } = one(await fixture.db.journal.receive([newEntry()], 'a'));
    const claim = await fixture.db.journal.claim(id, 'a', ['x']);
    if (claim === null) throw new Error('no claim');
    return { id, claim };
  }

  const failureOf = async (promise: Promise<unknown>): Promise<DatabaseError> => {
    const thrown = await promise.then(
      () => undefined,
      (error: unknown) => error,
    );
    if (!(thrown instanceof DatabaseError)) throw new Error(`not a DatabaseError: ${String(thrown)}`);
    return thrown;
  };

  describe('an answer that got lost', () => {
    it('after the commit is unknown, and the journal tells the end', async () => {
      const db = await throughProxy();
      const { id, claim } = await claimed();
      let runs = 0;
      const settling = db.transaction(async (statements) => {
        runs++;
        await statements.journal.finish(claim, 'done', null);
        // From here on the server hears us, and we do not hear it.
        proxy.pass({ toClient: 'drop' });
      });
      settling.catch(() => undefined);
      await eventually(async () => (await fixture.db.journal.outcomeOf(id))?.outcome === 'done');
      proxy.reset();
      expect((await failureOf(settling)).outcome).toBe('unknown');
      expect(runs).toBe(1);
      proxy.heal();
      expect(await db.journal.outcomeOf(id)).toEqual({ outcome: 'done', claim: 1 });
      expect(await db.journal.claim(id, 'a', ['x'])).toBeNull();
    });

    it('to a single changing statement is unknown, and the statement can be run again', async () => {
      const db = await throughProxy();
      await db.incarnations.list();
      proxy.pass({ toClient: 'drop' });
      const adding = failureOf(db.outbox.add([message], 'a'));
      await eventually(async () => (await fixture.db.outbox.pending('a', 1_000, 10)).length === 1);
      proxy.reset();
      expect((await adding).outcome).toBe('unknown');
      proxy.heal();
      await db.outbox.add([message], 'a');
      expect(await db.outbox.pending('a', 1_000, 10)).toEqual([message]);
      await db.outbox.sent([message.uniqueId]);
    });

    it('is given up after a while though the connection stays open', async () => {
      const db = await throughProxy({ statementTimeoutMs: 100 });
      proxy.blackHole();
      expect((await failureOf(db.outbox.add([message], 'a'))).outcome).toBe('unknown');
      expect(db.health().ok).toBe(false);
      proxy.heal();
      await db.fence.mint(['x']);
      expect(db.health()).toEqual({ ok: true });
    }, 30_000);
  });

  describe('a connection that breaks', () => {
    it('before the commit undoes the transaction, which runs once more', async () => {
      const db = await throughProxy();
      const { id, claim } = await claimed();
      let runs = 0;
      await db.transaction(async (statements) => {
        await statements.journal.finish(claim, 'done', null);
        if (runs++ === 0) proxy.reset();
        await statements.fence.check(claim.tokens);
      });
      expect(runs).toBe(2);
      expect(await fixture.db.journal.outcomeOf(id)).toEqual({ outcome: 'done', claim: 1 });
    });

    it('while idle is not noticed by anybody', async () => {
      const db = await throughProxy();
      await Promise.all(Array.from({ length: 5 }, () => db.incarnations.list()));
      proxy.cut();
      for (let turn = 0; turn < 10; turn++) await db.incarnations.list();
      await fixture.disconnectOthers();
      await Promise.all(Array.from({ length: 5 }, () => db.incarnations.list()));
    });

    it('and cannot be had again means that nothing was begun', async () => {
      const db = await throughProxy();
      proxy.refuse();
      proxy.reset();
      await eventually(async () => (await failureOf(db.fence.mint(['x']))).outcome === 'not-started');
      proxy.heal();
      await db.fence.mint(['x']);
    });
  });

  describe('a replica that is frozen inside its settlement', () => {
    it('holds nobody up for longer than its transaction may lie idle, and its commit is refused', async () => {
      const frozen = await throughProxy({ idleTransactionMs: 300 });
      const { id, claim } = await claimed();
      let runs = 0;
      let young: unknown;
      const settling = frozen.transaction(async (statements) => {
        runs++;
        await statements.journal.finish(claim, 'done', null);
        // The successor waits for the tokens until the server ends the frozen one's transaction.
        young = await fixture.db.journal.claim(id, 'b', ['x']);
      });
      await expect(settling).rejects.toThrow(ClaimLostError);
      expect(young).toMatchObject({ number: 2 });
      // Certainly undone, so it was tried again, and found that it had been overtaken.
      expect(runs).toBe(2);
      expect(await fixture.db.journal.outcomeOf(id)).toEqual({ outcome: null, claim: 2 });
    });
  });

  describe('start and stop', () => {
    const open = async (change: Partial<DatabaseOptions> = {}): Promise<Database> => {
      const url = new URL(fixture.url);
      url.port = String(await freePort());
      url.password = 'very-secret';
      return openDatabase({ url: url.href, maxRetries: 2, retryIntervalMs: 10, ...change });
    };

    it('gives up after as many tries as are wanted, without the password in the error', async () => {
      const db = await open();
      const error = await failureOf(db.start(AbortSignal.timeout(10_000)));
      expect(error.outcome).toBe('not-started');
      expect(JSON.stringify([error.message, error.stack, String(error.cause)])).not.toContain('very-secret');
      expect(db.health()).toMatchObject({ ok: false });
    });

    it('waits for a server that comes later, until it is told not to', async () => {
      const abort = new AbortController();
      const waiting = (await open({ maxRetries: -1 })).start(abort.signal);
      abort.abort(new Error('enough'));
      await expect(waiting).rejects.toThrow('enough');

      proxy.refuse();
      const url = new URL(fixture.url);
      url.port = String(proxy.port);
      const db = openDatabase({ url: url.href, maxRetries: -1, retryIntervalMs: 20 });
      const started = db.start(AbortSignal.timeout(15_000));
      await eventually(() => db.health().detail !== 'not started');
      proxy.heal();
      await started;
      expect(db.health()).toEqual({ ok: true });
      await db.stop({ force: AbortSignal.timeout(1_000) });
      await db.stop({ force: AbortSignal.timeout(1_000) });
      expect((await failureOf(db.fence.mint(['x']))).outcome).toBe('not-started');
    });

    it('stops in a moment under force though a statement hangs', async () => {
      const db = await throughProxy();
      proxy.blackHole();
      const hanging = db.fence.mint(['x']).catch((error: unknown) => error);
      const since = performance.now();
      await db.stop({ force: AbortSignal.timeout(50) });
      expect(performance.now() - since).toBeLessThan(5_000);
      proxy.reset();
      await hanging;
    });
  });
});
