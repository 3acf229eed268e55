import { expect, it } from 'vitest';
import type { JsonObject } from '../../../src/domain/json.ts';
import { silentLogger } from '../../../src/log/logger.ts';
import { makeRequest } from '../../../src/rpc/message-maker.ts';
import type { RpcRequest } from '../../../src/rpc/method.ts';
import { CopiedRequests } from '../../../src/rpc/request-copies.ts';
import type { Transport } from '../../../src/rpc/transport.ts';
import { buildBody } from '../../../src/rpc/wire/envelope.ts';

const { signal } = new AbortController();

function body(changes: JsonObject = {}, args: JsonObject = { volume: { id: 'v1' } }): Buffer {
  const context = { user: 'u', request_id: 'req-1', auth_token: 'secret', is_admin: true };
  const { payload } = makeRequest(context, 'create_volume', '3.0', args);
  return buildBody({ ...payload, ...changes });
}

async function found(...bodies: readonly Buffer[]): Promise<readonly RpcRequest[]> {
  const readCopies: Transport['readCopies'] = (queue, onCopy) => {
    expect(queue).toBe('cinder-volume.c@b.aa_copies');
    bodies.forEach((one) => onCopy(one));
    return Promise.resolve();
  };
  const copies = new CopiedRequests({ transport: { readCopies } as Transport, version: '3.18', log: silentLogger });
  const requests: RpcRequest[] = [];
  await copies.each('cinder-volume.c@b', 'create_volume', (request) => requests.push(request), signal);
  return requests;
}

it('reads copies as messages are read, without their tokens', async () => {
  const [first, second, ...rest] = await found(body({ _unique_id: 'one' }), body({ _unique_id: 'two' }));
  expect([first?.uniqueId, second?.uniqueId, rest]).toEqual(['one', 'two', []]);
  expect(first).toMatchObject({ method: 'create_volume', version: '3.0', plain: { volume: { id: 'v1' } } });
  expect(first?.wire.context).toMatchObject({ request_id: 'req-1' });
  expect(JSON.stringify(first?.wire)).not.toContain('secret');
});

it('leaves out what is another request, or none', async () => {
  const text = (content: string): Buffer => Buffer.from(content);
  const others = [
    body({ method: 'delete_volume', args: { why: 'no create_volume' } }),
    body({ method: 'create_volume_later' }),
    body({ version: '4.0' }),
    body({ version: '3.99' }),
    body({ namespace: 'other' }),
    body({ args: 7 }),
    body({}, { volume: { 'versioned_object.name': 'Volume', 'versioned_object.data': 'create_volume' } }),
    text(''),
    text('create_volume'),
    text('{"method":"create_volume"'),
    text('["create_volume"]'),
    text('{"oslo.version":"9.0","oslo.message":"create_volume"}'),
    text('{"oslo.version":"2.0","oslo.message":"create_volume"}'),
    Buffer.concat([text('create_volume'), Buffer.from([0xff, 0xfe])]),
  ];
  expect(await found(...others)).toEqual([]);
  expect(await found(...others, body(), ...others)).toHaveLength(1);
});
