import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { MessageKind, OutboxMessage } from '../../../src/db/ports/custody.ts';
import { delay, never, sharedAbort } from '../../../src/kernel/abort.ts';
import { silentLogger } from '../../../src/log/logger.ts';
import { defaultTimings, noFailpoints, type CustodyOptions } from '../../../src/volume/custody-options.ts';
import { OutboxPump, outboxTurns } from '../../../src/volume/outbox-pump.ts';
import { FakeDatabase } from '../../support/fake-database.ts';
import { FakeServer } from '../../support/fake-database/server.ts';
import { eventually } from '../../support/poll.ts';

let server: FakeServer;
let pumps: readonly OutboxPump[];
let sent: string[];
let refused: Set<string>;
let stuck: Set<string>;
beforeEach(() => {
  server = new FakeServer();
  sent = [];
  refused = new Set();
  stuck = new Set();
});
afterEach(async () => {
  const force = sharedAbort();
  const stopped = pumps.map((pump) => pump.stop({ force: force.signal }));
  setTimeout(() => force.abort(new Error('the grace time is over')), 500);
  await Promise.all(stopped);
});

const wake = (): void => pumps.forEach((pump) => pump.wake());
const isWell = (): boolean => pumps.every((pump) => pump.health().ok);

const message = (uniqueId: string, kind: MessageKind = 'cast'): OutboxMessage => ({
  uniqueId,
  kind,
  topic: 't',
  server: null,
  payload: {},
});

async function start(db: FakeDatabase, id: string): Promise<void> {
  await db.incarnations.register({ id, host: 'h', pid: 1, version: '0', serves: [] });
  const sender = {
    send: ({ uniqueId }: OutboxMessage, signal: AbortSignal) => {
      if (stuck.has(uniqueId)) return delay(600_000, signal);
      if (refused.has(uniqueId)) return Promise.reject(new Error('broker says no'));
      sent.push(uniqueId);
      return Promise.resolve();
    },
  };
  const used = { db, sender, incarnation: { id }, timings: defaultTimings, failpoints: noFailpoints };
  const options = { ...used, log: silentLogger } as unknown as CustodyOptions;
  pumps = outboxTurns.map((turn) => new OutboxPump(options, turn));
  await Promise.all(pumps.map((pump) => pump.start()));
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
    await eventually(() => !isWell());
    expect([...server.tables.outbox.keys()]).toEqual(['a']);
    refused.clear();
    wake();
    await eventually(() => server.tables.outbox.size === 0);
    await eventually(isWell);
    expect(sent).toEqual(['b', 'a']);
  });

  it('lets no request wait for notifications whose broker is away, or that it does not take', async () => {
    const db = new FakeDatabase(server);
    const me = randomUUID();
    const ids = Array.from({ length: 150 }, (_, index) => `n${index}`);
    await db.outbox.add([...ids.map((id) => message(id, 'notification')), message('a'), message('b', 'fanout')], me);
    ids.forEach((id, index) => (index % 2 === 0 ? refused : stuck).add(id));
    await start(db, me);
    await eventually(() => server.tables.outbox.size === ids.length);
    await db.outbox.add([message('c')], me);
    await eventually(() => sent.length === 3);
    expect(sent).toEqual(['a', 'b', 'c']);
  });

  it('sends again, under the same id, what it could not note as sent', async () => {
    const db = new FakeDatabase(server);
    const me = randomUUID();
    await db.outbox.add([message('a')], me);
    db.fault('outbox.sent', 'lost-before');
    await start(db, me);
    await eventually(() => sent.length === 1);
    wake();
    await eventually(() => server.tables.outbox.size === 0);
    expect(sent).toEqual(['a', 'a']);
  });

  it('ends soon after a stop though the broker is away, and leaves what it could not send', async () => {
    const db = new FakeDatabase(server);
    const me = randomUUID();
    stuck.add('a');
    await start(db, me);
    await db.outbox.add([message('a'), message('b')], me);
    wake();
    await Promise.all(pumps.map((pump) => pump.stop({ force: never })));
    expect([...server.tables.outbox.keys()]).toEqual(['a']);
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
