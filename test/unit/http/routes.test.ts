import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { FastifyInstance } from 'fastify';
import { afterEach, describe, expect, it } from 'vitest';
import { createApp, type AppOptions } from '../../../src/http/create-app.ts';
import type { NamedCheck } from '../../../src/http/readiness.ts';
import { withTempDir } from '../../support/temp-dir.ts';

const good: NamedCheck = { name: 'database', check: () => ({ ok: true }) };
const bad: NamedCheck = { name: 'consuming', check: () => ({ ok: false, detail: 'no consumer on cinder-volume' }) };
const hung: NamedCheck = { name: 'coordinator', check: () => new Promise(() => undefined) };
const broken: NamedCheck = { name: 'backends', check: () => Promise.reject(new Error('defect')) };

describe('routes', () => {
  let app: FastifyInstance;
  const create = (options: Partial<AppOptions> = {}): FastifyInstance => {
    app = createApp({
      checks: [good],
      status: () => ({ replica: 'node1', in_flight: [] }),
      metrics: { contentType: 'text/plain; version=0.0.4', text: () => Promise.resolve('figure 1\n') },
      disableByFile: null,
      freshMs: 0,
      deadlineMs: 50,
      ...options,
    });
    return app;
  };
  afterEach(() => app.close());

  it('lives whatever hangs', async () => {
    const answer = await create({ checks: [hung, broken] }).inject('/livez');
    expect([answer.statusCode, answer.body]).toEqual([200, 'ok']);
  });

  it.each(['/readyz', '/'])('is ready when every check holds: %s', async (path) => {
    const answer = await create().inject(path);
    expect(answer.statusCode).toBe(200);
    expect(answer.json()).toEqual({ ready: true, checks: [{ name: 'database', ok: true }] });
  });

  it.each(['/readyz', '/'])('says what hinders it, within the deadline: %s', async (path) => {
    const answer = await create({ checks: [good, bad, hung, broken] }).inject(path);
    expect(answer.statusCode).toBe(503);
    expect(answer.json()).toEqual({
      ready: false,
      checks: [
        { name: 'database', ok: true },
        { name: 'consuming', ok: false, detail: 'no consumer on cinder-volume' },
        { name: 'coordinator', ok: false, detail: 'coordinator: no answer within 50 ms' },
        { name: 'backends', ok: false, detail: 'defect' },
      ],
    });
  });

  it.each([
    ['nothing', '', 'text/plain', 'OK'],
    ['anything', '*/*', 'text/plain', 'OK'],
    ['either', 'application/json, text/plain;q=0.5', 'text/plain', 'OK'],
    ['what is not offered', 'image/png', 'text/plain', 'OK'],
    [
      'JSON',
      'application/json',
      'application/json',
      '{\n    "detailed": false,\n    "reasons": [\n        "OK"\n    ]\n}',
    ],
  ])('answers /healthcheck as oslo does to who accepts %s', async (_, accept, type, body) => {
    const answer = await create().inject({ url: '/healthcheck', headers: { accept } });
    expect(answer.statusCode).toBe(200);
    expect(answer.headers['content-type']).toMatch(new RegExp(`^${type}; charset=utf-8$`, 'i'));
    expect(answer.body).toBe(body);
  });

  it('gives the reasons at /healthcheck', async () => {
    const answer = await create({ checks: [bad, broken] }).inject('/healthcheck');
    expect(answer.statusCode).toBe(503);
    expect(answer.body).toBe('consuming: no consumer on cinder-volume\nbackends: defect');
  });

  it('answers HEAD with 204 or 503', async () => {
    const head = { method: 'HEAD', url: '/healthcheck' } as const;
    expect((await create().inject(head)).statusCode).toBe(204);
    await app.close();
    expect((await create({ checks: [bad] }).inject(head)).statusCode).toBe(503);
    expect((await app.inject({ method: 'HEAD', url: '/readyz' })).statusCode).toBe(503);
  });

  it('is taken out by a file', () =>
    withTempDir(async (dir) => {
      const path = join(dir, 'disable');
      const probe = async () => {
        const [health, ready] = await Promise.all([app.inject('/healthcheck'), app.inject('/readyz')]);
        return [health.statusCode, health.body, ready.statusCode];
      };
      create({ disableByFile: path, deadlineMs: 2000 });
      expect(await probe()).toEqual([200, 'OK', 200]);
      await writeFile(path, '');
      expect(await probe()).toEqual([503, 'DISABLED BY FILE', 503]);
      expect((await app.inject('/livez')).statusCode).toBe(200);
    }));

  it('shows metrics and status', async () => {
    create();
    const metrics = await app.inject('/metrics');
    expect([metrics.headers['content-type'], metrics.body]).toEqual(['text/plain; version=0.0.4', 'figure 1\n']);
    expect((await app.inject('/v1/status')).json()).toEqual({ replica: 'node1', in_flight: [] });
  });

  it('gives no status rather than wait for it', async () => {
    const answer = await create({ status: () => new Promise(() => undefined) }).inject('/v1/status');
    expect(answer.statusCode).toBe(503);
    expect(answer.json()).toEqual({ error: 'status: no answer within 50 ms' });
  });

  it('knows no other path and takes nothing in', async () => {
    create();
    expect((await app.inject('/etc/passwd')).statusCode).toBe(404);
    expect((await app.inject({ method: 'POST', url: '/readyz', payload: {} })).statusCode).toBe(404);
  });
});
