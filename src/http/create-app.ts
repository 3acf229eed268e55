import type { Server } from 'node:http';
import { createRequire } from 'node:module';
import type * as Fastify from 'fastify';
import type { FastifyHttpOptions, FastifyInstance, FastifyReply } from 'fastify';
import type { JsonObject } from '../domain/json.ts';
import { messageOf } from '../kernel/errors.ts';
import { BoundedCache } from './bounded-cache.ts';
import { healthcheckAnswer } from './healthcheck.ts';
import type { Metrics } from './metrics.ts';
import { Readiness, type NamedCheck } from './readiness.ts';

/** By `require`: node looks through every file of a CommonJS package for names when it is imported, a third of the cost. */
const { fastify } = createRequire(import.meta.url)('fastify') as typeof Fastify;

export interface AppOptions {
  /** For `/readyz`, `/` and `/healthcheck`: consuming, database, coordinator, backends. */
  readonly checks: readonly NamedCheck[];
  /** For `/v1/status`. */
  readonly status: (signal: AbortSignal) => Promise<JsonObject> | JsonObject;
  readonly metrics: Pick<Metrics, 'text' | 'contentType'>;
  readonly disableByFile: string | null;
  /** Of a check or of the status, before it counts as failed (2 s). */
  readonly deadlineMs?: number;
  /** So long results are given out again (1 s). */
  readonly freshMs?: number;
}

/** The routes without a server. Nothing here waits longer than `deadlineMs`, whatever hangs behind it. */
export function createApp(options: AppOptions): FastifyInstance {
  const { checks, disableByFile, metrics, deadlineMs = 2000, freshMs = 1000 } = options;
  const readiness = new Readiness({ checks, disableByFile, deadlineMs, freshMs });
  const status = new BoundedCache({ what: 'status', look: options.status, deadlineMs, freshMs });
  const app = fastify(lean);
  // An answer is the proof: only a loop that turns gives one.
  app.get('/livez', (_, reply) => reply.type('text/plain; charset=UTF-8').send('ok'));
  for (const path of ['/', '/readyz']) {
    app.get(path, async (_, reply) => {
      const results = await readiness.results();
      const ready = results.every(({ ok }) => ok);
      return sendJson(reply, ready ? 200 : 503, { ready, checks: results });
    });
  }
  app.route({
    method: ['GET', 'HEAD'],
    url: '/healthcheck',
    handler: async (request, reply) => {
      const results = await readiness.results();
      const answer = healthcheckAnswer(results, request.method === 'HEAD', request.headers.accept ?? '');
      return reply.code(answer.status).type(answer.contentType).send(answer.body);
    },
  });
  app.get('/metrics', async (_, reply) => reply.type(metrics.contentType).send(await metrics.text()));
  app.get('/v1/status', async (_, reply) => {
    try {
      return await sendJson(reply, 200, await status.get());
    } catch (error) {
      return sendJson(reply, 503, { error: messageOf(error) });
    }
  });
  return app;
}

function sendJson(reply: FastifyReply, code: number, body: object): FastifyReply {
  return reply
    .code(code)
    .type('application/json; charset=UTF-8')
    .send(`${JSON.stringify(body, null, 2)}\n`);
}

/** What no route needs is not loaded: without its schema compilers fastify is half as big. */
const lean: FastifyHttpOptions<Server> = {
  logger: false,
  bodyLimit: 1024,
  requestTimeout: 10_000,
  forceCloseConnections: true,
  exposeHeadRoutes: true,
  schemaController: {
    compilersFactory: {
      // Neither is ever called: no route has a schema. The type wants all of Ajv's compiler.
      buildValidator: (() => () => () => true) as never,
      buildSerializer: () => () => JSON.stringify,
    },
  },
};
