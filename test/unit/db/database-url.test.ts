import { describe, expect, it } from 'vitest';
import { parseDatabaseUrl } from '../../../src/db/database-url.ts';
import { InvalidInputError } from '../../../src/kernel/errors.ts';

describe('parseDatabaseUrl', () => {
  it.each([
    [
      'postgresql+psycopg2://cinder:s3@db/cinder',
      { host: 'db', port: 5432, database: 'cinder', user: 'cinder', password: 's3', ssl: false },
    ],
    ['postgresql://c:p%40%3A%2F%25@db:6432/x', { host: 'db', port: 6432, database: 'x', password: 'p@:/%' }],
    ['postgres://c:a@b%@[::1]:5433/x', { host: '::1', port: 5433, password: 'a@b%' }],
    ['postgresql://c@/x?host=/run/postgresql', { host: '/run/postgresql', user: 'c', password: undefined }],
    ['postgresql://db', { host: 'db', database: 'cinder', user: undefined }],
    ['postgresql://u:p@db/x?connect_timeout=3&application_name=me', { connectTimeoutMs: 3000, applicationName: 'me' }],
    ['postgresql://u:p@db/x?sslmode=require', { ssl: { rejectUnauthorized: false } }],
    ['postgresql://u:p@db/x?sslmode=verify-full', { ssl: { rejectUnauthorized: true } }],
  ])('reads %s', (url, expected) => {
    expect(parseDatabaseUrl(url)).toMatchObject(expected);
  });

  it.each([
    'mysql+pymysql://c:top-secret@db/cinder',
    'c:top-secret@db',
    'postgresql://c:top-secret@db/x?sslmode=maybe',
  ])('refuses %s without repeating the password', (url) => {
    expect(() => parseDatabaseUrl(url)).toThrow(InvalidInputError);
    expect(() => parseDatabaseUrl(url)).not.toThrow(/top-secret/);
  });
});
