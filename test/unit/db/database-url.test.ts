import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parseDatabaseUrl } from '../../../src/db/database-url.ts';
import { InvalidInputError } from '../../../src/kernel/errors.ts';

const file = import.meta.filename;
const content = readFileSync(file);

/** Whether the server's name is compared with its certificate. */
const checksName = (url: string): boolean => {
  const { ssl } = parseDatabaseUrl(url);
  return typeof ssl === 'object' && ssl.checkServerIdentity === undefined;
};

describe('parseDatabaseUrl', () => {
  it("checks a MariaDB server's name as PyMySQL and mysqlclient do", () => {
    const ca = `mysql+pymysql://c@db/x?ssl_ca=${file}`;
    expect(checksName(ca)).toBe(true);
    expect(checksName(`${ca}&ssl_check_hostname=false`)).toBe(false);
    expect(checksName(`${ca}&ssl_verify_cert=true`)).toBe(false);
    expect(checksName(`${ca}&ssl_verify_cert=true&ssl_verify_identity=true`)).toBe(true);
    expect(checksName('mysql+mysqldb://c@db/x?ssl_mode=VERIFY_CA')).toBe(false);
    expect(checksName('mysql+mysqldb://c@db/x?ssl_mode=VERIFY_IDENTITY')).toBe(true);
  });

  it.each([
    [
      'postgresql+psycopg2://cinder:s3@db/cinder',
      { host: 'db', port: 5432, database: 'cinder', user: 'cinder', password: 's3', ssl: 'if offered' },
    ],
    ['postgresql://c:p%40%3A%2F%25@db:6432/x', { host: 'db', port: 6432, database: 'x', password: 'p@:/%' }],
    ['postgres://c:a@b%@[::1]:5433/x', { host: '::1', port: 5433, password: 'a@b%' }],
    ['postgresql://c@/x?host=/run/postgresql', { host: '/run/postgresql', user: 'c', password: undefined }],
    ['postgresql://db', { host: 'db', database: 'cinder', user: undefined }],
    ['postgresql://u:p@db/x?connect_timeout=3&application_name=me', { connectTimeoutMs: 3000, applicationName: 'me' }],
    ['postgresql://u:p@db/x?sslmode=disable', { ssl: false }],
    ['postgresql://u:p@db/x?sslmode=require', { ssl: { rejectUnauthorized: false } }],
    ['postgresql://u:p@db/x?sslmode=verify-full', { ssl: { rejectUnauthorized: true } }],
    [
      'mysql+pymysql://cinder:s3@db/cinder?charset=utf8&use_unicode=1',
      { dialect: 'mariadb', host: 'db', port: 3306, database: 'cinder', password: 's3', ssl: false },
    ],
    ['mysql://c:p@[::1]:3307/x?read_timeout=30&connect_timeout=5', { port: 3307, readTimeoutMs: 30_000 }],
    ['mysql+mysqldb://c@/x?unix_socket=/run/mysqld/s', { dialect: 'mariadb', socketPath: '/run/mysqld/s' }],
    [`mysql+pymysql://c@db/x?ssl_ca=${file}`, { ssl: { ca: content, rejectUnauthorized: true } }],
    [`mysql+pymysql://c@db/x?ssl_ca=${file}&ssl_verify_cert=0`, { ssl: { rejectUnauthorized: false } }],
    [
      `mysql+pymysql://c@db/x?ssl_cert=${file}&ssl_key=${file}`,
      { ssl: { cert: content, key: content, rejectUnauthorized: false } },
    ],
    [`mysql+pymysql://c@db/x?ssl_ca=${file}&ssl_disabled=true`, { ssl: false }],
    ['mysql+mysqldb://c@db/x?ssl_mode=REQUIRED', { ssl: { rejectUnauthorized: false } }],
    ['mysql+mysqldb://c@db/x?ssl_mode=verify_identity', { ssl: { rejectUnauthorized: true } }],
    ['mysql+mysqldb://c@db/x?ssl_mode=PREFERRED', { ssl: false }],
  ])('reads %s', (url, expected) => {
    expect(parseDatabaseUrl(url)).toMatchObject(expected);
  });

  it.each([
    'sqlite+pysqlite://c:top-secret@db/cinder',
    'mysql+pymysql://c:top-secret@db/x?charset=latin1',
    'mysql+pymysql://c:top-secret@db/x?ssl_ca=/nowhere',
    'mysql+pymysql://c:top-secret@db/x?ssl_vreify_cert=true',
    'mysql+pymysql://c:top-secret@db/x?ssl_verify_cert=perhaps',
    'mysql+mysqldb://c:top-secret@db/x?ssl_mode=sometimes',
    'mysql+pymysql://c:top-secret@db/x?read_timeout=soon',
    'c:top-secret@db',
    'postgresql://c:top-secret@db/x?sslmode=maybe',
  ])('refuses %s without repeating the password', (url) => {
    expect(() => parseDatabaseUrl(url)).toThrow(InvalidInputError);
    expect(() => parseDatabaseUrl(url)).not.toThrow(/top-secret/);
  });
});
