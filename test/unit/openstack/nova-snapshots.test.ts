import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Credentials } from '../../../src/openstack/credentials.ts';
import { HttpClient } from '../../../src/openstack/http-client.ts';
import { KeystoneSession } from '../../../src/openstack/keystone-session.ts';
import { NovaCompute } from '../../../src/openstack/nova-compute.ts';

const tls = { caFile: null, certFile: null, keyFile: null, insecure: false };
const nobody = {
  ...{ authType: 'password', username: 'cinder', userId: null, password: 'secret', userDomainId: 'default' },
  ...{ userDomainName: null, projectName: 'service', projectId: null, projectDomainId: 'default' },
  ...{ projectDomainName: null, systemScope: null, applicationCredentialId: null, applicationCredentialName: null },
  applicationCredentialSecret: null,
};
const signal = new AbortController().signal;
const creation = { volumeId: 'v', snapshotId: 's', newFile: 'volume-v.s' };

/** Keystone and Nova on one port: tokens are counted, and Nova answers what the test says. */
describe('requests for assisted snapshots', () => {
  let server: Server;
  let nova: NovaCompute;
  let tokens = 0;
  let answers: number[];
  let keystone: number;
  /** Where the catalogue says that Nova is; null: here. */
  let novaPort: number | null;
  let seen: { readonly line: string; readonly token: unknown; readonly body: string }[];

  beforeEach(async () => {
    [tokens, answers, seen, keystone, novaPort] = [0, [], [], 201, null];
    server = createServer((request, response) => {
      void (async () => {
        const body = await text(request);
        if (request.url === '/v3/auth/tokens') {
          if (keystone === 0) {
            response.destroy();
            return;
          }
          tokens += 1;
          response
            .writeHead(keystone, { 'x-subject-token': `token-${tokens}` })
            .end(JSON.stringify(token(novaPort === null ? request.headers.host : `127.0.0.1:${novaPort}`)));
          return;
        }
        const line = `${request.method} ${decodeURIComponent(request.url ?? '').replaceAll('+', ' ')}`;
        seen.push({ line, token: request.headers['x-auth-token'], body });
        const status = answers.shift() ?? 200;
        if (status === 0) response.destroy();
        else response.writeHead(status).end('{"badRequest": {"message": "no such volume"}}');
      })();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const credentials: Credentials = { ...nobody, authUrl: `http://127.0.0.1:${port}` };
    const http = new HttpClient(tls, 5_000);
    const endpoint = { type: 'compute', name: 'nova', interface: 'public', region: null };
    nova = new NovaCompute({ http, session: new KeystoneSession(http, 'nova', credentials), endpoint });
  });
  afterEach(() => {
    server.closeAllConnections();
    server.close();
  });

  it("are upstream's, in Nova's own words", async () => {
    await nova.createSnapshot(creation, signal);
    await nova.removeSnapshot({ volumeId: 'v', snapshotId: 's', fileToMerge: null, mergeTarget: null }, signal);
    expect(seen[0]?.line).toBe('POST /v2.1/os-assisted-volume-snapshots');
    expect(JSON.parse(seen[0]?.body ?? '')).toEqual({
      snapshot: { volume_id: 'v', create_info: { snapshot_id: 's', type: 'qcow2', new_file: 'volume-v.s' } },
    });
    const [path, info = ''] = (seen[1]?.line ?? '').split('?delete_info=');
    expect(path).toBe('DELETE /v2.1/os-assisted-volume-snapshots/s');
    expect(JSON.parse(info)).toEqual({ volume_id: 'v', type: 'qcow2', file_to_merge: null, merge_target_file: null });
  });

  it('get another token once where theirs was taken back', async () => {
    answers = [401, 200];
    await nova.createSnapshot(creation, signal);
    expect(seen.map(({ token }) => token)).toEqual(['token-1', 'token-2']);
    answers = [401, 401];
    await expect(nova.createSnapshot(creation, signal)).rejects.toMatchObject({ status: 401, outcome: 'failed' });
  });

  it.each([
    [400, 'failed'],
    [404, 'failed'],
    [502, 'unknown'],
    [504, 'unknown'],
    [0, 'unknown'],
  ])('that Nova answers with %i have the outcome "%s"', async (status, outcome) => {
    answers = [status];
    await expect(nova.createSnapshot(creation, signal)).rejects.toMatchObject({ outcome });
  });

  it.each([0, 503])('that never left, because Keystone gave no token (%i), are not waited for', async (status) => {
    keystone = status;
    await expect(nova.createSnapshot(creation, signal)).rejects.toMatchObject({ outcome: 'not-started' });
    const removal = { volumeId: 'v', snapshotId: 's', fileToMerge: null, mergeTarget: null };
    await expect(nova.removeSnapshot(removal, signal)).rejects.toMatchObject({ outcome: 'not-started' });
    expect(seen).toEqual([]);
  });

  it('that never left, because Nova was not to be reached, are not waited for', async () => {
    // Nova's endpoint, from now on: nobody listens there.
    const closed = createServer();
    await new Promise<void>((resolve) => closed.listen(0, '127.0.0.1', resolve));
    novaPort = (closed.address() as AddressInfo).port;
    await new Promise((resolve) => closed.close(resolve));
    await expect(nova.createSnapshot(creation, signal)).rejects.toMatchObject({ outcome: 'not-started' });
  });

  it('whose answer is lost on a connection that was there before may have been taken', async () => {
    await nova.createSnapshot(creation, signal);
    answers = [0];
    await expect(nova.createSnapshot(creation, signal)).rejects.toMatchObject({ outcome: 'unknown' });
  });
});

function token(host: string | undefined): object {
  const url = `http://${host}/v2.1/`;
  const endpoints = [{ interface: 'public', region: 'RegionOne', url }];
  return { token: { expires_at: '2999-01-01T00:00:00Z', catalog: [{ type: 'compute', name: 'nova', endpoints }] } };
}
