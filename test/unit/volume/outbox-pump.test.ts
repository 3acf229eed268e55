import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { OutboxMessage } from '../../../src/db/ports/custody.ts';
import { silentLogger } from '../../../src/log/logger.ts';
import { defaultTimings, noFailpoints, type CustodyOptions } from '../../../src/volume/custody-options.ts';
import { OutboxPump } from '../../../src/volume/outbox-pump.ts';
import { FakeDatabase, FakeServer } from '../../support/fake-database.ts';
import { eventually } from '../../support/poll.ts';

let server: FakeServer;
let pump: OutboxPump;
let sent: string[];
let refused: Set<string>;
beforeEach(() => {
  server = new FakeServer();
  sent = [];
  refused = new Set();
});
afterEach(() => pump.stop({ force: AbortSignal.timeout(1_000) }));

const message = (uniqueId: string): OutboxMessage => ({
  uniqueId,
  kind: 'cast',
  topic: 't',
  server: null,
  payload: {},
});

async function start(db: FakeDatabase, id: string): Promise<void> {
  await db.incarnations.register({ id, host: 'h', pid: 1, version: '0', serves: [] });
  const sender = {
    send: ({ uniqueId }: OutboxMessage) => {
      if (refused.has(uniqueId)) return Promise.reject(new Error('broker says no'));
      sent.push(uniqueId);
      return Promise.resolve();
    },
  };
  const used = { db, sender, incarnation: { id }, timings: defaultTimings, failpoints: noFailpoints };
  pump = new OutboxPump({ ...used, log: silentLogger } as unknown as CustodyOptions);
  await pump.start();
}

describe('the outbox', () => {
  it('sends ours and a vanished owner’s, oldest first, and leaves a living one’s alone', async () => {
    const db = new FakeDatabase(server);
    const [me, living] = [randomUUID(), randomUUID()];
    await db.incarnations.register({ id: living, host: 'h', pid: 1, version: '0', serves: [] });
    await db.outbox.add([message('a')], 'vanished');
    await db.outbox.add([message('b')], me);
    await db.outbox.add([message('c')], living);
    await start(db, me);
    await eventually(() => server.tables.outbox.size === 1);
    expect(sent).toEqual(['a', 'b']);
    expect([...server.tables.outbox.keys()]).toEqual(['c']);
  });

  it('keeps what the broker did not take, says so, and lets the others pass', async () => {
    const db = new FakeDatabase(server);
    const me = randomUUID();
    await db.outbox.add([message('a'), message('b')], me);
    refused.add('a');
    await start(db, me);
    await eventually(() => !server.tables.outbox.has('b'));
    await eventually(() => !pump.health().ok);
    expect([...server.tables.outbox.keys()]).toEqual(['a']);
    refused.clear();
    pump.wake();
    await eventually(() => server.tables.outbox.size === 0);
    await eventually(() => pump.health().ok);
    expect(sent).toEqual(['b', 'a']);
  });

  it('sends again, under the same id, what it could not note as sent', async () => {
    const db = new FakeDatabase(server);
    const me = randomUUID();
    await db.outbox.add([message('a')], me);
    db.fault('outbox.sent', 'lost-before');
    await start(db, me);
    await eventually(() => sent.length === 1);
    pump.wake();
    await eventually(() => server.tables.outbox.size === 0);
    expect(sent).toEqual(['a', 'a']);
  });

  it('sends more than a batch without pausing', async () => {
    const db = new FakeDatabase(server);
    const me = randomUUID();
    await db.outbox.add(
      Array.from({ length: 350 }, (_, index) => message(`m${index}`)),
      me,
    );
    const since = performance.now();
    await start(db, me);
    await eventually(() => server.tables.outbox.size === 0);
    expect(sent).toHaveLength(350);
    expect(performance.now() - since).toBeLessThan(1_000);
  });
});
