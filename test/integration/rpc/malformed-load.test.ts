import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startReplica, type ReplicaProcess } from '../../../src/dev/replica-process.ts';
import type { JsonObject } from '../../../src/domain/json.ts';
import { silentLogger } from '../../../src/log/logger.ts';
import { createTransport } from '../../../src/rpc/create-transport.ts';
import { newUniqueId } from '../../../src/rpc/message-maker.ts';
import type { Transport } from '../../../src/rpc/transport.ts';
import { parseBody, parseReply, parseRequest, type WireReply } from '../../../src/rpc/wire/envelope.ts';
import { startFixture, type Fixture } from '../../contract/db/fixture.ts';
import { defaultRabbitOptions } from '../../contract/transport/rabbit-defaults.ts';
import { folderConf } from '../../support/folder-conf.ts';
import { freePort } from '../../support/free-port.ts';
import { eventually } from '../../support/poll.ts';
import { buildOnce, sharedRabbit } from '../../support/shared-servers.ts';
import { makeTempDir, removeDir } from '../../support/temp-dir.ts';
import { malformedMessages } from './malformed-load.ts';

const messages = 5000;
const seed = Number(process.env['MALFORMED_SEED'] ?? Date.now() % 1_000_000);
const forever = new AbortController().signal;
/** Of the captured methods the one that answers something although no resource is named. */
const answersAnyway = ['get_capabilities'];

interface Expected {
  readonly id: string;
  readonly method: string;
  readonly uniqueId: string | null;
}

/** Of the reply that is owed, if the message can be read as far as its address. */
function expectedOf(body: Buffer, queue: string): Expected | undefined {
  try {
    const { replyTo, method, uniqueId } = parseRequest(parseBody(body));
    return replyTo?.queue === queue ? { id: replyTo.msgId, method, uniqueId } : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Some changes gave two messages one unique id. By oslo's rule these are one message that came twice: the first is
 * answered, and the others need not be.
 */
function withRepeatedIds(expected: readonly Expected[]): readonly Expected[] {
  const seen = new Map<string, number>();
  for (const { uniqueId } of expected) if (uniqueId !== null) seen.set(uniqueId, (seen.get(uniqueId) ?? 0) + 1);
  return expected.filter(({ uniqueId }) => uniqueId !== null && (seen.get(uniqueId) ?? 0) > 1);
}

describe(`${messages} malformed messages beside normal load, seed ${seed}`, { timeout: 240_000 }, () => {
  let dir: string;
  let fixture: Fixture;
  let replica: ReplicaProcess;
  let transport: Transport;
  let program: string;
  const configFile = (): string => join(dir, 'cinder.conf');

  beforeAll(async () => {
    dir = await makeTempDir();
    const share = join(dir, 'share');
    await mkdir(share);
    fixture = await startFixture('postgres');
    const [rabbit, healthPort] = [await sharedRabbit(), await freePort()];
    const servers = { rabbitUrl: rabbit.url, databaseUrl: fixture.url };
    await writeFile(configFile(), folderConf({ host: 'ctl', dir, share, healthPort, ...servers }));
    program = join(await buildOnce(), 'src/main.js');
    const logFile = join(dir, 'replica.log');
    replica = await startReplica({ name: 'ctl', program, configFile: configFile(), logFile, healthPort });
    transport = createTransport({ url: rabbit.url, options: defaultRabbitOptions(), log: silentLogger });
    await transport.start(AbortSignal.timeout(20_000));
    await replica.ready(AbortSignal.timeout(30_000));
  }, 180_000);
  afterAll(async () => {
    await transport.stop({ force: AbortSignal.timeout(2000) });
    await replica.stop(10_000);
    await fixture.close();
    await removeDir(dir);
  }, 30_000);

  /** What an operator's command says, which waits for each request's end. */
  async function volume(...args: readonly string[]): Promise<string> {
    const argv = [program, 'volume', ...args, '--config-file', configFile(), '--json'];
    const child = spawn(process.execPath, argv, { stdio: ['ignore', 'pipe', 'inherit'] });
    const [out] = await Promise.all([text(child.stdout), once(child, 'exit')]);
    expect(child.exitCode).toBe(0);
    return out;
  }

  const inFlight = async (): Promise<number> => {
    const response = await fetch(`${replica.healthUrl}/v1/status`);
    return ((await response.json()) as { operations: readonly JsonObject[] }).operations.length;
  };

  it('stop nothing, hold nothing up, are answered once, and are told from what is right', async () => {
    const queue = transport.names.reply();
    const replies: WireReply[] = [];
    const listener = transport.listen({
      ...{ name: 'replies', queues: [{ kind: 'reply', name: queue }], prefetch: 100 },
      onDelivery: (delivery) => {
        delivery.ack();
        const reply = parseReply(parseBody(delivery.body));
        // What else comes are the heartbeats that a changed message asked for.
        if (reply.ending) replies.push(reply);
      },
    });
    await listener.ready(AbortSignal.timeout(20_000));
    const bodies = malformedMessages(messages, seed, { queue, newId: newUniqueId });
    const expected: Expected[] = [];
    const keys = ['cinder-volume.ctl@folder.ctl', 'cinder-volume.ctl@folder', 'cinder-volume.aa@folder'];
    const normal = volume('create', '--count', '40', '--wait');
    for (const [at, body] of bodies.entries()) {
      const key = keys[at % keys.length] ?? '';
      await transport.publish({ to: { kind: 'topic', exchange: 'openstack', key }, body }, forever);
      const reply = expectedOf(body, queue);
      if (reply !== undefined) expected.push(reply);
    }
    const created = JSON.parse(await normal) as readonly { readonly id: string }[];
    expect(created).toHaveLength(40);
    expect(expected.length).toBeGreaterThan(messages / 4);

    const repeats = withRepeatedIds(expected);
    const repeated = new Set(repeats.map(({ id }) => id));
    const owed = expected.map(({ id }) => id).filter((id) => !repeated.has(id));
    const answered = (): string[] => replies.map(({ msgId }) => msgId).filter((id) => !repeated.has(id));
    await eventually(() => answered().length >= owed.length, { timeoutMs: 60_000 });
    await eventually(async () => (await inFlight()) === 0, { timeoutMs: 60_000 });
    // Nothing after this request is answered late: it was sent last, and all before it are done.
    await volume('delete', ...created.map(({ id }) => id), '--wait');
    // Some changes gave two messages one reply id, so the ids are compared with how often each is there.
    expect(answered().sort()).toEqual(owed.sort());
    const answers = replies.map(({ msgId }) => msgId).filter((id) => repeated.has(id));
    expect(new Set(answers).size).toBe(answers.length);
    const answeredOnes = new Set(repeats.filter(({ id }) => answers.includes(id)).map(({ uniqueId }) => uniqueId));
    expect(answeredOnes).toEqual(new Set(repeats.map(({ uniqueId }) => uniqueId)));
    const mayAnswer = new Set(expected.flatMap(({ id, method }) => (answersAnyway.includes(method) ? [id] : [])));
    const wrong = replies.filter(({ msgId, result }) => result !== null && !mayAnswer.has(msgId));
    expect(wrong).toEqual([]);

    expect(replica.isRunning()).toBe(true);
    expect((await fetch(`${replica.healthUrl}/readyz`)).ok).toBe(true);
    expect(JSON.parse(await volume('list'))).toEqual([]);
    expect(await readFile(replica.logFile, 'utf8')).not.toMatch(/uncaught|unhandled/i);
    await listener.close();
  });
});
