import { spawn } from 'node:child_process';
import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Json, JsonObject } from '../../src/domain/json.ts';
import { boundProgram } from '../../src/kernel/bound-program.ts';
import { python } from '../support/programs.ts';

/** Cinder's own client of the volume service, in a process of its own. One command at a time. */
export class VolumeClient {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #lines: AsyncIterator<string>;

  constructor(configFile: string) {
    const script = join(import.meta.dirname, 'volume-client.py');
    const [launcher, ...argv] = boundProgram([python, script, configFile]);
    this.#child = spawn(launcher, argv);
    this.#child.stderr.pipe(process.stderr);
    this.#lines = createInterface(this.#child.stdout)[Symbol.asyncIterator]();
  }

  /** A method of `VolumeAPI`. `{ Group: id }` is that object; rejects with the Python exception's class and text. */
  call(method: string, args: readonly Json[] = [], kwargs: JsonObject = {}): Promise<Json> {
    return this.#do({ method, args, kwargs });
  }

  /** A cast that the client has no method for. */
  cast(raw: string, queue: string, kwargs: JsonObject): Promise<Json> {
    return this.#do({ raw, queue, kwargs });
  }

  async stop(): Promise<void> {
    const ended = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.kill('SIGKILL');
    await ended;
  }

  async #do(command: JsonObject): Promise<Json> {
    this.#child.stdin.write(`${JSON.stringify(command)}\n`);
    const next = await this.#lines.next();
    if (next.done === true) throw new Error('the client ended');
    const answer = JSON.parse(next.value) as { value?: Json; error?: string; message?: string };
    if (answer.error !== undefined) throw new Error(`${answer.error}: ${answer.message ?? ''}`);
    return answer.value ?? null;
  }
}
