import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Account } from './account.ts';
import type { BenchOptions } from './options.ts';
import { Requests } from './requests.ts';
import { account, type Servers } from './servers.ts';
import { makeShare } from './share.ts';
import type { RunContext, Side } from './side.ts';
import { SqlCounter } from './sql.ts';

/** What one run of a side happens in: a folder, a share, a database and a virtual host that no other run sees. */
export interface Surroundings {
  readonly context: RunContext;
  readonly requests: Requests;
  /** Counts from now on. */
  readonly sql: SqlCounter;
  /** Takes the share and the bench's connections away; the servers keep the rest until they stop. */
  close(): Promise<void>;
}

/** `volumes`: how many lie in the database when the service starts. */
export async function makeSurroundings(
  side: Side,
  name: string,
  dir: string,
  servers: Servers,
  options: BenchOptions,
  volumes: number,
): Promise<Surroundings> {
  const runDir = join(dir, name);
  await mkdir(join(runDir, 'coordination'), { recursive: true, mode: 0o755 });
  const share = await makeShare(runDir, options.driver === 'nfs');
  const db = servers.pool(name);
  const close = async (): Promise<void> => {
    await db.end();
    await share.remove();
  };
  try {
    const place = await servers.place(name);
    const coordinationUrl = servers.lockServiceUrl ?? `file://${join(runDir, 'coordination')}`;
    const context = { dir: runDir, place, share, coordinationUrl, db, account: new Account(options.user) };
    await context.account.own(runDir);
    await side.prepare(context);
    const sql = new SqlCounter(db, account.name);
    await sql.start();
    const requests = new Requests(db, side.target);
    await requests.fill(volumes);
    return { context, requests, sql, close };
  } catch (error) {
    await close();
    throw error;
  }
}
