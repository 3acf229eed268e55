import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import { freePort } from '../../support/free-port.ts';
import { startServerProcess, threeTimes } from '../../support/server-process.ts';
import { startTestServer, type TestServer } from '../../support/test-server.ts';

/** How long the server keeps a silent client's locks. */
export const leaseSeconds = 20;
/**
 * How long after its start old clients may reclaim theirs: as long as a lease at least (RFC 8881, section 8.4.2.1), or a
 * slow client comes too late. It ends sooner where all of them have done so.
 */
const graceSeconds = leaseSeconds;

/** An NFSv4.1 server on loopback, `/share` being a folder of the host. `restart` keeps port, data and client records. */
export function startNfsServer(folder: string): Promise<TestServer> {
  return threeTimes(async () => {
    const port = await freePort();
    return startTestServer('nfs', { port, graceMs: 5000, lastGraceMs: 0, launch: (dir) => launch(dir, port, folder) });
  });
}

async function launch(dir: string, port: number, folder: string) {
  await mkdir(join(dir, 'recovery'), { recursive: true });
  const conf = join(dir, 'ganesha.conf');
  await writeFile(conf, configuration(dir, port, folder));
  return startServerProcess({
    name: 'NFS-Ganesha',
    argv: ['ganesha.nfsd', '-F', '-f', conf, '-L', '/dev/stdout', '-p', join(dir, 'pid')],
    cwd: dir,
    logFile: join(dir, 'log'),
    ready: async () => {
      const socket = createConnection({ host: '127.0.0.1', port });
      await once(socket, 'connect').finally(() => socket.destroy());
    },
    readyWithinMs: 20_000,
  });
}

/** Nothing is cached in the server: tests change files on the host, too. */
const configuration = (dir: string, port: number, folder: string): string => `
NFS_CORE_PARAM {
  Protocols = 4;
  NFS_Port = ${port};
  Bind_addr = 127.0.0.1;
  Enable_NLM = false;
  Enable_RQUOTA = false;
}
NFSV4 {
  Lease_Lifetime = ${leaseSeconds};
  Grace_Period = ${graceSeconds};
  RecoveryBackend = fs;
  RecoveryRoot = ${join(dir, 'recovery')};
  Delegations = false;
}
EXPORT_DEFAULTS { Attr_Expiration_Time = 0; }
MDCACHE { Dir_Chunk = 0; }
EXPORT {
  Export_Id = 1;
  Path = ${folder};
  Pseudo = /share;
  Access_Type = RW;
  Squash = No_Root_Squash;
  SecType = sys;
  Transports = TCP;
  FSAL { Name = VFS; }
}
`;
