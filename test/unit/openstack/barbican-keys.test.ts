import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { BarbicanKeys, type BarbicanOptions } from '../../../src/openstack/barbican-keys.ts';
import { HttpClient } from '../../../src/openstack/http-client.ts';
import { KeystoneSession } from '../../../src/openstack/keystone-session.ts';
import { StandInBarbican } from '../../support/stand-in-barbican.ts';
import { silentLogger } from '../../../src/log/logger.ts';

const tls = { caFile: null, certFile: null, keyFile: null, insecure: false };
const query = { type: 'key-manager', name: null, interface: 'public', region: null };
const id = '11111111-2222-3333-4444-555555555555';
const path = `/v1/secrets/${id}/payload`;
const key = Buffer.from([0, 1, 0xfe, 0xff]);
const { signal } = new AbortController();
const user = { auth_token: 'user', request_id: 'req-1', global_request_id: null };
const nobody = { ...user, auth_token: null };
const credentials = {
  ...{ userId: null, userDomainId: null, projectId: null, projectDomainId: null, systemScope: null },
  ...{ applicationCredentialId: null, applicationCredentialName: null, applicationCredentialSecret: null },
  ...{ authType: 'password', username: 'cinder', password: 'secret', userDomainName: 'Default' },
  ...{ projectName: 'service', projectDomainName: 'Default' },
};

let barbican: StandInBarbican;

beforeEach(async () => {
  barbican = new StandInBarbican();
  await barbican.start();
  barbican.keys.set(id, key);
  barbican.tokens.add('user');
});
afterEach(() => barbican.stop());

function keys(changes: Partial<BarbicanOptions> = {}, idleMs = 5_000): BarbicanKeys {
  const http = new HttpClient(tls, idleMs);
  const session = new KeystoneSession(http, 'service_user', { ...credentials, authUrl: barbican.url });
  const options = {
    http,
    session,
    endpoint: null,
    query,
    sendServiceToken: false,
    log: silentLogger,
    pausesMs: [1, 1],
  };
  return new BarbicanKeys({ ...options, ...changes });
}

describe('a key of Barbican', () => {
  it("is read with the user's own token", async () => {
    expect(await keys().get(user, id, signal)).toEqual(key);
    expect(barbican.asked).toEqual([`${path} user`]);
  });

  it("is read as the service user by whoever has no user's token", async () => {
    expect(await keys().get(nobody, id, signal)).toEqual(key);
    expect(barbican.asked).toEqual([`${path} service-1`]);
  });

  it("has a service user's token along with a user's where that is wanted", async () => {
    expect(await keys({ sendServiceToken: true }).get(user, id, signal)).toEqual(key);
    expect(barbican.asked).toEqual([`${path} user + service-1`]);
  });

  it.each([401, 403])("is read as the service user where HTTP %i refuses the user's token", async (status) => {
    barbican.faults.push(status);
    expect(await keys().get(user, id, signal)).toEqual(key);
    expect(barbican.asked).toEqual([`${path} user`, `${path} service-1`]);
  });

  it("is asked for with a new token where the service user's ended before its time", async () => {
    const manager = keys();
    await manager.get(nobody, id, signal);
    barbican.refused.add('service-1');
    expect(await manager.get(nobody, id, signal)).toEqual(key);
    expect(barbican.asked).toEqual([`${path} service-1`, `${path} service-1`, `${path} service-2`]);
  });

  it('is asked for again where the answer got lost or Barbican is ill', async () => {
    barbican.faults.push('no answer', 503);
    expect(await keys().get(user, id, signal)).toEqual(key);
    expect(barbican.asked).toHaveLength(3);
  });

  it('is asked for again where an answer does not come in time', async () => {
    barbican.faults.push({ lateMs: 60_000 });
    expect(await keys({}, 100).get(user, id, signal)).toEqual(key);
  });

  it('is found at the configured URL, with or without the version', async () => {
    for (const endpoint of [barbican.url, `${barbican.url}/`, `${barbican.url}/v1`]) {
      expect(await keys({ endpoint, session: null }).get(user, id, signal)).toEqual(key);
    }
  });

  it('ends the waiting with the caller', async () => {
    barbican.faults.push({ lateMs: 60_000 });
    const controller = new AbortController();
    const waiting = keys().get(user, id, controller.signal);
    setTimeout(() => controller.abort(new Error('the lock is lost')), 20);
    await expect(waiting).rejects.toThrow('the lock is lost');
  });
});

describe('a key that cannot be had', () => {
  const refusal = (message: RegExp): object =>
    expect.objectContaining({
      exception: 'KeyManagerError',
      outcome: 'not-started',
      message: expect.stringMatching(message) as string,
    }) as object;

  it('is gone', async () => {
    barbican.keys.clear();
    await expect(keys().get(user, id, signal)).rejects.toEqual(refusal(/no such key/));
  });

  it('is no key but a text', async () => {
    barbican.faults.push(406);
    await expect(keys().get(user, id, signal)).rejects.toEqual(refusal(/no binary key/));
  });

  it('is empty, or as long as a file', async () => {
    for (const length of [0, 5000]) {
      barbican.keys.set(id, Buffer.alloc(length));
      await expect(keys().get(user, id, signal)).rejects.toEqual(refusal(/impossible/));
    }
  });

  it('may be read by nobody of us', async () => {
    barbican.faults.push(403, 403);
    await expect(keys().get(user, id, signal)).rejects.toEqual(refusal(/HTTP 403/));
    barbican.refused.add('service-2').add('service-3');
    await expect(keys().get(nobody, id, signal)).rejects.toEqual(refusal(/HTTP 401/));
  });

  it('stays away for longer than is tried', async () => {
    barbican.faults.push(500, 'no answer', 503);
    await expect(keys().get(user, id, signal)).rejects.toEqual(refusal(/does not answer: HTTP 503/));
  });

  it('has an id that is none, and leads nowhere else', async () => {
    await expect(keys().get(user, '../orders', signal)).rejects.toEqual(refusal(/no key's id/));
    expect(barbican.asked).toEqual([]);
  });

  it('is asked for without any credentials', async () => {
    const without = keys({ session: null, endpoint: barbican.url });
    await expect(without.get(nobody, id, signal)).rejects.toEqual(refusal(/has credentials/));
    await expect(keys({ session: null }).get(user, id, signal)).rejects.toEqual(refusal(/barbican_endpoint/));
  });
});
