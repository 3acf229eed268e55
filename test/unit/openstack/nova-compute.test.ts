import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { HttpClient } from '../../../src/openstack/http-client.ts';
import { KeystoneSession } from '../../../src/openstack/keystone-session.ts';
import { NovaCompute } from '../../../src/openstack/nova-compute.ts';

const tls = { caFile: null, certFile: null, keyFile: null, insecure: false };
const endpoint = { type: 'compute', name: null, interface: 'public', region: null };
const swap = { serverId: 'server', from: 'old', to: 'new' };
const { signal } = new AbortController();
const nobody = {
  ...{ userId: null, userDomainId: null, projectId: null, projectDomainId: null, systemScope: null },
  ...{ applicationCredentialId: null, applicationCredentialName: null, applicationCredentialSecret: null },
};

/** Keystone and Nova in one: what was asked for, and how Nova answers in turn. */
let server: Server;
let url: string;
let asked: string[];
let answers: number[];
/** The microversion of each request; undefined: Nova's oldest. */
let versions: unknown[];

beforeEach(async () => {
  [asked, answers, versions] = [[], [], []];
  let tokens = 0;
  server = createServer((request, response) => {
    let text = '';
    request.on('data', (chunk: Buffer) => (text += chunk.toString()));
    request.on('end', () => {
      if (request.url === '/v3/auth/tokens') {
        const expires_at = new Date(Date.now() + 3_600_000).toISOString();
        const catalog = [{ type: 'compute', name: 'nova', endpoints: [{ interface: 'public', region: 'r', url }] }];
        response.writeHead(201, { 'x-subject-token': `token-${(tokens += 1)}` });
        return response.end(JSON.stringify({ token: { expires_at, catalog } }));
      }
      asked.push(`${request.method ?? ''} ${request.url ?? ''} ${String(request.headers['x-auth-token'])} ${text}`);
      versions.push(request.headers['x-openstack-nova-api-version']);
      response.writeHead(answers.shift() ?? 202);
      return response.end('{"badRequest": {"message": "Invalid volume"}}');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(() => new Promise((resolve) => server.close(resolve).closeAllConnections()));

function nova(withUser = true): NovaCompute {
  const http = new HttpClient(tls, 5_000);
  const user = { authType: 'password', authUrl: url, username: 'nova', password: 'secret', userDomainName: 'Default' };
  const project = { projectName: 'service', projectDomainName: 'Default' };
  const session = withUser ? new KeystoneSession(http, 'nova', { ...nobody, ...user, ...project }) : null;
  return new NovaCompute({ http, session, endpoint });
}

describe('telling Nova of a new image', () => {
  it('is an event of the server, in the version that has it', async () => {
    await nova().volumeReimaged({ serverId: 'server', volumeId: 'volume' }, signal);
    const event = '{"events":[{"name":"volume-reimaged","server_uuid":"server","tag":"volume"}]}';
    expect(asked).toEqual([`POST /os-server-external-events token-1 ${event}`]);
    expect(versions).toEqual(['2.93']);
  });
});

describe('asking Nova to swap a volume', () => {
  const request = (token: string): string =>
    `PUT /servers/server/os-volume_attachments/old ${token} {"volumeAttachment":{"volumeId":"new"}}`;

  it('is one request, made again where the token has ended', async () => {
    answers = [401, 202];
    await nova().swapVolume(swap, signal);
    expect(asked).toEqual([request('token-1'), request('token-2')]);
  });

  it.each([
    [400, 'failed'],
    [409, 'failed'],
    [500, 'unknown'],
    [503, 'unknown'],
  ])('takes HTTP %i for %s', async (status, outcome) => {
    answers = [status];
    const error = { outcome, status, message: expect.stringContaining('Invalid volume') as string };
    await expect(nova().swapVolume(swap, signal)).rejects.toMatchObject(error);
  });

  it('says which section lacks a user', async () => {
    await expect(nova(false).swapVolume(swap, signal)).rejects.toMatchObject({ outcome: 'not-started' });
    await expect(nova(false).swapVolume(swap, signal)).rejects.toThrow('[nova]');
  });
});
