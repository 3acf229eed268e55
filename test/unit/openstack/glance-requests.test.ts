import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { silentLogger } from '../../../src/log/logger.ts';
import { GlanceImageService } from '../../../src/openstack/glance-image-service.ts';
import { GlanceRequests } from '../../../src/openstack/glance-requests.ts';
import { GlanceServers } from '../../../src/openstack/glance-servers.ts';
import { HttpClient } from '../../../src/openstack/http-client.ts';
import { KeystoneSession } from '../../../src/openstack/keystone-session.ts';

const tls = { caFile: null, certFile: null, keyFile: null, insecure: false };
const credentials = {
  ...{ authType: 'password', username: 'cinder', userId: null, password: 'secret', userDomainId: 'default' },
  ...{ userDomainName: null, projectName: 'service', projectId: null, projectDomainId: 'default' },
  ...{ projectDomainName: null, systemScope: null, applicationCredentialId: null, applicationCredentialName: null },
  applicationCredentialSecret: null,
};
const { signal } = new AbortController();
const user = { auth_token: 'user', request_id: 'req-1', global_request_id: null };
const image = '11111111-2222-3333-4444-555555555555';

/** Keystone and Glance on one port. */
let server: Server;
let url: string;
/** Which tokens Glance takes, as the user's or the service's. */
let valid: Set<string>;
/** The tokens of each request to Glance. */
let seen: (readonly [unknown, unknown])[];

beforeEach(async () => {
  [valid, seen] = [new Set(['user']), []];
  let tokens = 0;
  server = createServer((request, response) => {
    request.resume();
    if (request.url === '/v3/auth/tokens') {
      const token = `service-${(tokens += 1)}`;
      valid.add(token);
      response.writeHead(201, { 'x-subject-token': token });
      response.end(JSON.stringify({ token: { expires_at: '2999-01-01T00:00:00Z', catalog: [] } }));
      return;
    }
    const { 'x-auth-token': token, 'x-service-token': service } = request.headers;
    seen.push([token, service]);
    const isTaken = [token, service].every((one) => one === undefined || valid.has(String(one)));
    response.writeHead(isTaken ? 200 : 401).end(JSON.stringify({ id: image, status: 'active' }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(() => new Promise((resolve) => server.close(resolve).closeAllConnections()));

function glance({ sendServiceToken = false, withUser = true } = {}): GlanceImageService {
  const http = new HttpClient(tls, 5_000);
  const session = withUser ? new KeystoneSession(http, 'service_user', { ...credentials, authUrl: url }) : null;
  const query = { type: 'image', name: null, interface: 'public', region: null };
  const servers = new GlanceServers({ configured: [url], session, query });
  const requests = new GlanceRequests({ http, servers, session, sendServiceToken, retries: 0, log: silentLogger });
  return new GlanceImageService(requests);
}

describe('a request to Glance whose token is not taken', () => {
  it("is made as the service user in place of a user's that has ended", async () => {
    valid.delete('user');
    await glance().show(user, image, signal);
    expect(seen.map(([token]) => token)).toEqual(['user', 'service-1']);
  });

  it.each([
    ['alone', false],
    ["beside the service user's", true],
  ])(
    "is made with another token of the service user's where that was taken back too: %s",
    async (_, sendServiceToken) => {
      const images = glance({ sendServiceToken });
      await images.show({ ...user, auth_token: null }, image, signal);
      valid = new Set();
      const before = seen.length;
      await images.show(user, image, signal);
      expect(seen.slice(before).map(([token]) => token)).toEqual(['user', 'service-1', 'service-2']);
    },
  );

  it('is made again for whoever has no token of his own', async () => {
    const images = glance();
    await images.show({ ...user, auth_token: null }, image, signal);
    valid = new Set();
    await images.show({ ...user, auth_token: null }, image, signal);
    expect(seen.map(([token]) => token)).toEqual(['service-1', 'service-1', 'service-2']);
  });

  it('is refused where there is nobody else to ask as', async () => {
    valid = new Set();
    await expect(glance({ withUser: false }).show(user, image, signal)).rejects.toThrow('authorized');
    expect(seen).toEqual([['user', undefined]]);
  });
});
