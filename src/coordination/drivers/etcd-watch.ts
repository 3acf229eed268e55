import type { IncomingMessage } from 'node:http';
import type { JsonObject } from '../../domain/json.ts';
import { raceAbort } from '../../kernel/abort.ts';
import { messageOf } from '../../kernel/errors.ts';
import { watchLine } from './etcd-answers.ts';

/**
 * A watch from now on. (One from an earlier revision would be served by a pass that etcd makes ten times a second.)
 * So look once more after it was opened; from then on nothing is missed but by a connection that has died silently.
 */
export class EtcdWatch {
  readonly #cut = new AbortController();
  readonly #opened: Promise<void>;
  #happened = false;
  #ended: string | undefined;
  #wake: () => void = () => undefined;

  /** @param send asks for the stream, which ends when the signal aborts */
  constructor(send: (signal: AbortSignal) => Promise<IncomingMessage>) {
    this.#opened = new Promise((resolve) => {
      void this.#follow(send, resolve)
        .catch((error: unknown) => messageOf(error))
        .then((why) => {
          this.#ended = why;
          resolve();
          this.#wake();
        });
    });
  }

  /** Resolves when etcd watches, or will not. */
  opened(signal: AbortSignal): Promise<void> {
    return raceAbort(this.#opened, signal);
  }

  /** What has happened until now will be looked at. */
  forget(): void {
    this.#happened = false;
  }

  /** Whether something has happened since `forget`, or does within `mostMs`. Rejects if the watch has ended. */
  async changed(mostMs: number, signal: AbortSignal): Promise<boolean> {
    const news = new Promise<void>((resolve) => (this.#wake = resolve));
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, mostMs)));
    try {
      if (!this.#happened && this.#ended === undefined) await raceAbort(Promise.race([news, late]), signal);
    } finally {
      clearTimeout(timer);
    }
    if (this.#ended !== undefined) throw new Error(`the watch in etcd has ended: ${this.#ended}`);
    return this.#happened;
  }

  close(): void {
    this.#cut.abort();
  }

  async #follow(send: (signal: AbortSignal) => Promise<IncomingMessage>, opened: () => void): Promise<string> {
    for await (const line of linesOf(await send(this.#cut.signal))) {
      const said = watchLine(line);
      if (said === 'end') break;
      opened();
      if (said === 'event') this.#happened = true;
      if (said === 'event') this.#wake();
    }
    return 'etcd closed it';
  }
}

/** A stream of the gateway: one JSON object a line. */
async function* linesOf(response: IncomingMessage): AsyncGenerator<JsonObject> {
  let rest = '';
  for await (const part of response) {
    const lines = (rest + (part as Buffer).toString('utf8')).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) if (line !== '') yield JSON.parse(line) as JsonObject;
  }
}
