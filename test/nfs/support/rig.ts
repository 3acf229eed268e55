import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { TcpProxy } from '../../support/tcp-proxy.ts';
import { makeTempDir, removeDir } from '../../support/temp-dir.ts';
import type { TestServer } from '../../support/test-server.ts';
import { Guest } from './guest.ts';
import type { GuestImage } from './guest-image.ts';
import { RpcProxy } from './rpc-proxy.ts';
import { startNfsServer } from './nfs-server.ts';

/** One NFS client: a guest, and its way to the server. */
export interface Client {
  readonly guest: Guest;
  /** The network between them. */
  readonly proxy: TcpProxy;
  /** Single calls and replies. */
  readonly calls: RpcProxy;
  /** For a driver on the host whose share helper is to work in this guest. */
  readonly helperEntry: string;
  /** A program for the host's Node that runs in this guest what it is given. */
  readonly runner: string;
}

export interface RigOptions {
  readonly image: GuestImage;
  readonly dist: string;
  readonly clients: readonly string[];
  /** Of NFS; only 4.2 tells where the holes of a file are, so that a copy need not read them. */
  readonly version?: '4.1' | '4.2';
}

/** An NFS server on loopback and guests that have mounted its share, at the path that it has on the host. */
export class Rig {
  readonly share: string;
  readonly server: TestServer;
  readonly clients: readonly Client[];
  /** For drivers on the host whose share helpers are to work in each guest in turn, one after the other. */
  readonly helperInTurn: string;
  readonly #dir: string;

  private constructor(parts: Pick<Rig, 'share' | 'server' | 'clients' | 'helperInTurn'> & { readonly dir: string }) {
    this.#dir = parts.dir;
    this.share = parts.share;
    this.server = parts.server;
    this.clients = parts.clients;
    this.helperInTurn = parts.helperInTurn;
  }

  static async start({ image, dist, clients: names, version = '4.1' }: RigOptions): Promise<Rig> {
    const dir = await makeTempDir('cinder-volume-aa-nfs-');
    const share = join(dir, 'share');
    await mkdir(share);
    const server = await startNfsServer(share);
    const clients = await Promise.all(names.map((name) => startClient(name, { dir, image, dist, server })));
    const ports = clients.map(({ guest }) => guest.agentPort);
    const helperInTurn = await writeHelper(dir, 'turn', { dist, ports });
    const rig = new Rig({ dir, share, server, clients, helperInTurn });
    await Promise.all(clients.map((client) => rig.mount(client, version)));
    return rig;
  }

  /** `hard`, as operators mount: a call waits for its server for ever. */
  async mount({ guest, proxy }: Client, version: '4.1' | '4.2'): Promise<void> {
    const options = `vers=${version},proto=tcp,port=${proxy.port},addr=10.0.2.2,clientaddr=10.0.2.15,hard`;
    await guest.run(`mkdir -p ${this.share} && mount -t nfs4 -o ${options} 10.0.2.2:/share ${this.share}`);
  }

  async stop(): Promise<void> {
    await Promise.all(
      this.clients.map(async ({ guest, proxy, calls }) => {
        await guest.stop();
        await proxy.stop();
        await calls.stop();
      }),
    );
    await this.server.stop();
    await removeDir(this.#dir);
  }
}

async function startClient(
  name: string,
  { dir, image, dist, server }: { dir: string; image: GuestImage; dist: string; server: TestServer },
): Promise<Client> {
  const calls = await new RpcProxy(server.port).start();
  const proxy = await new TcpProxy({ port: calls.port }).start();
  const guest = await Guest.start(name, image, dir);
  const { agentPort } = guest;
  const helperEntry = await writeHelper(dir, name, { dist, ports: [agentPort] });
  const runner = await writeProgram(dir, `run-in-${name}`, `runInGuest(${agentPort})`);
  return { guest, proxy, calls, helperEntry, runner };
}

/** A file for drivers to start, in the place of the share helper's own. */
function writeHelper(
  dir: string,
  name: string,
  { dist, ports }: { dist: string; ports: readonly number[] },
): Promise<string> {
  const argv = [process.execPath, '--max-semi-space-size=1', join(dist, 'src/share-helper-entry.js')];
  const turns = join(dir, `helpers-in-${name}`);
  const given = [ports, turns, argv].map((argument) => JSON.stringify(argument)).join(', ');
  return writeProgram(dir, `helper-in-${name}`, `runHelperInGuest(${given})`);
}

/** A program that makes one call of `in-guest.mjs`. */
async function writeProgram(dir: string, name: string, call: string): Promise<string> {
  const path = join(dir, `${name}.mjs`);
  const module = JSON.stringify(join(import.meta.dirname, 'in-guest.mjs'));
  await writeFile(path, `import * as inGuest from ${module};\nawait inGuest.${call};\n`);
  return path;
}
