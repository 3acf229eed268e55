import type { AddressInfo } from 'node:net';
import type { FastifyInstance } from 'fastify';
import type { Component, Health } from '../kernel/component.ts';
import { isErrno } from '../kernel/errors.ts';
import type { Logger } from '../log/logger.ts';
import type { AppOptions, createApp } from './create-app.ts';
import type { EventLoopDelay } from '../kernel/event-loop-delay.ts';

export interface HttpServerOptions extends AppOptions {
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  /** Started and stopped with the server. */
  readonly loopDelay: EventLoopDelay;
  /** Its library takes 80 ms to load; begun early, they pass while servers are waited for. Null: nothing is served. */
  readonly app: Promise<{ createApp: typeof createApp }> | null;
  readonly log: Logger;
}

/** A port that is not to be had is the operator's to know, and no reason not to serve volumes. */
const HARMLESS = ['EADDRINUSE', 'EACCES', 'EADDRNOTAVAIL'];

/** Probes, metrics and status over HTTP. */
export class HttpServer implements Component {
  readonly name = 'http';
  readonly #options: HttpServerOptions;
  #app: FastifyInstance | undefined;
  #address: { readonly host: string; readonly port: number } | null = null;
  #problem: string | undefined;

  constructor(options: HttpServerOptions) {
    this.#options = options;
  }

  /** Where it listens; null when it does not. */
  get address(): { readonly host: string; readonly port: number } | null {
    return this.#address;
  }

  async start(signal: AbortSignal): Promise<void> {
    const { app, loopDelay, host, port, log } = this.#options;
    loopDelay.start();
    if (app === null) return;
    const { createApp } = await app;
    signal.throwIfAborted();
    this.#app = createApp(this.#options);
    try {
      await this.#app.listen({ host, port });
    } catch (err) {
      if (!isErrno(err, ...HARMLESS)) throw err;
      this.#problem = `cannot listen on ${host}:${port}`;
      log.warn({ err, host, port }, `${this.#problem}; going on without probes, metrics and status ([health] port)`);
      return;
    }
    const [bound] = this.#app.addresses() as [AddressInfo | undefined];
    this.#address = { host, port: bound?.port ?? port };
    log.info(this.#address, `Probes, metrics and status on http://${host}:${this.#address.port}`);
  }

  async stop(): Promise<void> {
    this.#address = null;
    this.#options.loopDelay.stop();
    const app = this.#app;
    this.#app = undefined;
    await app?.close();
  }

  /** Never unhealthy: the replica serves without it. */
  health(): Health {
    return { ok: true, ...(this.#problem !== undefined && { detail: this.#problem }) };
  }
}
