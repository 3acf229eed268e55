import { StringDecoder } from 'node:string_decoder';
import type { QueueSpec } from '../transport.ts';

/*
 * What a hub and its clients say to each other: one JSON text a line. Requests have an id and are answered; deliveries
 * and their answers (ack, reject) are not, as in AMQP.
 */

export type ClientFrame =
  /** Its id is the listener's number from then on; deliveries may come before it is answered. */
  | { readonly op: 'listen'; readonly id: number; readonly queues: readonly QueueSpec[]; readonly prefetch: number }
  | { readonly op: 'cancel' | 'close'; readonly id: number; readonly listener: number }
  | {
      readonly op: 'publish';
      readonly id: number;
      readonly exchange: string;
      readonly key: string;
      readonly fanout: boolean;
      /** The queue to declare and bind first: a notification's. */
      readonly queue: string | null;
      readonly body: string;
      readonly expirationMs: number | null;
    }
  | { readonly op: 'ack'; readonly tag: number }
  | { readonly op: 'reject'; readonly tag: number; readonly requeue: boolean };

export type HubFrame =
  /** `value`: of a publish, how many queues took the message. */
  | { readonly op: 'done'; readonly id: number; readonly value: number }
  | { readonly op: 'failed'; readonly id: number; readonly problem: string }
  | {
      readonly op: 'deliver';
      readonly listener: number;
      readonly tag: number;
      readonly queue: string;
      readonly body: string;
      readonly redelivered: boolean;
      readonly expirationMs: number | null;
    };

/** A message of 16 MiB in base64, and its frame. */
const MAX_LINE = 24 * 1024 * 1024;

/** Takes lines out of a stream of bytes. `onLine` gets each; a line that is too long throws. */
export class LineReader {
  readonly #decoder = new StringDecoder('utf8');
  readonly #onLine: (line: string) => void;
  #rest: string[] = [];
  #length = 0;

  constructor(onLine: (line: string) => void) {
    this.#onLine = onLine;
  }

  push(bytes: Buffer): void {
    const parts = this.#decoder.write(bytes).split('\n');
    const last = parts.pop() ?? '';
    for (const part of parts) {
      const line = [...this.#rest, part].join('');
      this.#rest = [];
      this.#length = 0;
      this.#onLine(line);
    }
    this.#length += last.length;
    if (this.#length > MAX_LINE) throw new Error(`a frame is longer than ${MAX_LINE} characters`);
    this.#rest.push(last);
  }
}

export function frameText(frame: ClientFrame | HubFrame): string {
  return `${JSON.stringify(frame)}\n`;
}

/** Both ends are this program, of the same version; a line that is no frame is a fault of it, and ends the connection. */
export function parseFrame(line: string): unknown {
  const frame = JSON.parse(line) as unknown;
  if (typeof frame !== 'object' || frame === null || !('op' in frame)) throw new Error('a line is no frame');
  return frame;
}
