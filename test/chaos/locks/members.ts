import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { TcpProxy } from '../../support/tcp-proxy.ts';
import type { ContenderTask } from './contender-task.ts';
import { livesOf, type LeaseLife } from './story.ts';

const program = fileURLToPath(new URL('./contender.js', import.meta.url));

/** What all its processes are started with. */
type MemberTask = Omit<ContenderTask, 'story' | 'name'>;

/** One contender, through all its processes' lives: each writes its own part of the story. */
export class Member {
  readonly name: string;
  /** Its way to the lock service. */
  readonly way: TcpProxy;
  readonly #dir: string;
  readonly #task: MemberTask;
  readonly #stories: string[] = [];
  readonly #complaints: string[] = [];
  #child: ChildProcess | undefined;
  #isToRun = true;

  constructor(name: string, way: TcpProxy, dir: string, task: MemberTask) {
    this.name = name;
    this.way = way;
    this.#dir = dir;
    this.#task = task;
  }

  /** What it complained of when it ended by itself: nobody but the faults may end it. */
  get complaints(): readonly string[] {
    return this.#complaints;
  }

  start(): void {
    const name = `${this.name}.${this.#stories.length + 1}`;
    const story = join(this.#dir, `${name}.story`);
    this.#stories.push(story);
    const task: ContenderTask = { ...this.#task, story, name };
    const child = spawn(process.execPath, [program, JSON.stringify(task)], { stdio: ['pipe', 'ignore', 'pipe'] });
    this.#child = child;
    // What is written to one that was killed meanwhile.
    child.stdin.on('error', () => undefined);
    let said = '';
    child.stderr.on('data', (piece: Buffer) => (said = (said + piece.toString()).slice(-2_000)));
    child.once('close', (code, signal) => {
      if (signal !== 'SIGKILL' && code !== 0) this.#complaints.push(`${name} ended (${code ?? signal}): ${said}`);
      // One that ends by itself is a finding, and also started again, so that the others keep their company.
      if (this.#isToRun) this.start();
    });
  }

  async kill(): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    const closed = once(child, 'close');
    child.kill('SIGKILL');
    await closed;
  }

  freeze(): void {
    this.#child?.kill('SIGSTOP');
  }

  thaw(): void {
    this.#child?.kill('SIGCONT');
  }

  /** Its main loop is busy for that long; its other threads are not. */
  block(ms: number): void {
    this.#child?.stdin?.write(`${ms}\n`);
  }

  async stop(): Promise<void> {
    this.#isToRun = false;
    const child = this.#child;
    if (child?.exitCode === null && child.signalCode === null) {
      const closed = once(child, 'close');
      child.kill('SIGTERM');
      const cut = setTimeout(() => child.kill('SIGKILL'), 20_000);
      await closed;
      clearTimeout(cut);
    }
    await this.way.stop();
  }

  async lives(): Promise<readonly LeaseLife[]> {
    const texts = await Promise.all(this.#stories.map((story) => readFile(story, 'utf8').catch(() => '')));
    return texts.flatMap((text) => livesOf(this.name, text));
  }
}
