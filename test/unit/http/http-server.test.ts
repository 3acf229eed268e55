import { createRequire } from 'node:module';
import { createServer, type Server } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { EventLoopDelay } from '../../../src/kernel/event-loop-delay.ts';
import { HttpServer, type HttpServerOptions } from '../../../src/http/http-server.ts';
import type { Logger } from '../../../src/log/logger.ts';
import { silentLogger } from '../../../src/log/logger.ts';

const live = new AbortController().signal;

describe('http server', () => {
  let server: HttpServer;
  const create = (options: Partial<HttpServerOptions> = {}): HttpServer => {
    server = new HttpServer({
      app: import('../../../src/http/create-app.ts'),
      host: '127.0.0.1',
      port: 0,
      checks: [],
      status: () => ({}),
      metrics: { contentType: 'text/plain', text: () => Promise.resolve('') },
      disableByFile: null,
      loopDelay: new EventLoopDelay(),
      log: silentLogger,
      ...options,
    });
    return server;
  };
  afterEach(() => server.stop());

  it('listens, answers, and stops although a client keeps its connection', async () => {
    await create().start(live);
    const port = server.address?.port ?? 0;
    const answer = await fetch(`http://127.0.0.1:${port}/livez`, { headers: { connection: 'keep-alive' } });
    expect(await answer.text()).toBe('ok');
    await server.stop();
    await server.stop();
    await expect(fetch(`http://127.0.0.1:${port}/livez`)).rejects.toThrow();
  });

  it('warns about a port that is taken and goes on', async () => {
    const other = await listening();
    const port = (other.address() as { port: number }).port;
    const warnings: string[] = [];
    const log: Logger = { ...silentLogger, warn: (_, message) => void warnings.push(message) };
    try {
      await create({ port, log }).start(live);
      expect(server.address).toBeNull();
      expect(warnings).toEqual([
        `cannot listen on 127.0.0.1:${port}; going on without probes, metrics and status ([health] port)`,
      ]);
      expect(server.health()).toEqual({ ok: true, detail: `cannot listen on 127.0.0.1:${port}` });
    } finally {
      await new Promise((resolve) => other.close(resolve));
    }
  });

  it('does not listen when it is not wanted', async () => {
    await create({ app: null }).start(live);
    expect(server.address).toBeNull();
  });

  it('refuses a host that is none', async () => {
    await expect(create({ host: 'not a host' }).start(live)).rejects.toThrow();
  });
});

describe('what it costs', () => {
  // The libraries' entry files load three times as much as these routes and figures need.
  it('loads no schema compilers, and of prom-client its classes only', async () => {
    const { createApp } = await import('../../../src/http/create-app.ts');
    await import('../../../src/http/metrics.ts');
    const app = createApp({
      checks: [],
      status: () => ({}),
      metrics: { contentType: '', text: () => Promise.resolve('') },
      disableByFile: null,
    });
    await app.ready();
    await app.close();
    const loaded = Object.keys(createRequire(import.meta.url).cache).join('\n');
    expect(loaded).toMatch(/fastify\/fastify[.]js/);
    expect(loaded).toMatch(/prom-client\/lib\/histogram[.]js/);
    expect(loaded).not.toMatch(/ajv|fast-json-stringify-compiler|prom-client\/lib\/cluster|opentelemetry/);
  });
});

async function listening(): Promise<Server> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}
