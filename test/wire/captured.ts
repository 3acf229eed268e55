import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import type { JsonObject } from '../../src/domain/json.ts';

/** What a Zed cloud sent while its volume tests ran, as a broker's tracer saw it; payloads are out of their envelope. */
export interface CapturedMessage {
  readonly exchange: string;
  readonly routing_key: string;
  readonly properties: JsonObject;
  readonly 'oslo.version': string;
  readonly 'oslo.message': JsonObject;
}

export function capturedMessages(): readonly CapturedMessage[] {
  const text = gunzipSync(readFileSync(new URL('../data/wire-zed.jsonl.gz', import.meta.url))).toString('utf8');
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as CapturedMessage);
}
