import { createConnection, type Connection, type RowDataPacket } from 'mysql2/promise';
import { withTimeout } from '../../kernel/abort.ts';
import { messageOf } from '../../kernel/errors.ts';
import { mysqlSocket } from '../../kernel/mysql-socket.ts';
import type { MysqlSpec } from '../backend-spec.ts';
import { CoordinationError } from '../coordinator.ts';
import { readTlsFiles } from './tls-files.ts';

/** Errors that say that we, not the server or the network, are the problem: access, database, authentication. */
const refusals: readonly number[] = [1044, 1045, 1049, 1142, 1227, 1251, 1698];

/** With the session's number: a lock that each of ours holds besides, and none of Python's. */
const markPrefix = 'cinder_aa_';

/** One session of the server's. It is never mended: whoever has lost one has lost what it held. */
export class MysqlSession {
  readonly #connection: Connection;
  readonly #commandTimeoutMs: number;
  #ended: string | undefined;
  #onEnd: (why: string) => void = () => undefined;

  private constructor(connection: Connection, commandTimeoutMs: number) {
    this.#connection = connection;
    this.#commandTimeoutMs = commandTimeoutMs;
    connection.on('error', (error: unknown) => this.end(messageOf(error)));
  }

  /** The server ends it by itself when it has heard nothing for the locks' time to live. */
  static async open(spec: MysqlSpec): Promise<MysqlSession> {
    try {
      const session = new MysqlSession(await createConnection(connectionOptions(spec)), spec.commandTimeoutMs);
      await session.ask('SET SESSION wait_timeout = ?', [Math.ceil(spec.ttlMs / 1000)]);
      await session.ask('SELECT GET_LOCK(CONCAT(?, CONNECTION_ID()), 0)', [markPrefix]);
      return session;
    } catch (error) {
      if (!isRefusal(error)) throw error;
      throw new CoordinationError(`the SQL server refuses us: ${messageOf(error)}`, { cause: error });
    }
  }

  get ended(): boolean {
    return this.#ended !== undefined;
  }

  /** Calls once when the session ends otherwise than by `end` of ours; at once if it has. */
  onEnd(listener: (why: string) => void): void {
    this.#onEnd = listener;
    if (this.#ended !== undefined) listener(this.#ended);
  }

  /** The first row's first column. A server that does not answer in time loses the session. */
  async value(sql: string, parameters: readonly (string | number)[]): Promise<unknown> {
    const [row] = await this.ask(sql, parameters);
    return row === undefined ? undefined : Object.values(row)[0];
  }

  /** False where the lock is free or one of ours has it; servers that give a session one lock only take all for Python's. */
  async heldByPython(wireName: string): Promise<boolean> {
    const sql = `SELECT holder IS NOT NULL AND IS_FREE_LOCK(CONCAT(?, holder))
      FROM (SELECT IS_USED_LOCK(?) AS holder) AS question`;
    return Number(await this.value(sql, [markPrefix, wireName])) === 1;
  }

  async ask(sql: string, parameters: readonly (string | number)[] = []): Promise<readonly RowDataPacket[]> {
    const answer = this.#connection.query<RowDataPacket[]>(sql, [...parameters]);
    try {
      const [rows] = await withTimeout('the SQL server', this.#commandTimeoutMs, answer);
      return rows;
    } catch (error) {
      // An answer that still comes would be taken for that of the next question.
      answer.catch(() => undefined);
      this.end(messageOf(error));
      throw error;
    }
  }

  /** Cuts the connection: the server then gives back what it held. */
  end(why = 'closed'): void {
    if (this.#ended !== undefined) return;
    this.#ended = why;
    this.#connection.destroy();
    this.#onEnd(why);
  }
}

function isRefusal(error: unknown): boolean {
  return error instanceof Error && 'errno' in error && refusals.includes(Number(error.errno));
}

function connectionOptions(spec: MysqlSpec) {
  const { address, username, password, database, tls, connectTimeoutMs } = spec;
  return {
    ...('host' in address ? { ...address, stream: () => mysqlSocket(address.host, address.port) } : address),
    ...(username === undefined ? {} : { user: username }),
    ...(password === undefined ? {} : { password }),
    ...(database === undefined ? {} : { database }),
    ...(tls === undefined
      ? {}
      : {
          ssl: {
            ...readTlsFiles(tls),
            ...(tls.ciphers === undefined ? {} : { ciphers: tls.ciphers }),
            rejectUnauthorized: tls.verify,
            verifyIdentity: tls.checkHost,
          },
        }),
    connectTimeout: connectTimeoutMs,
  };
}
