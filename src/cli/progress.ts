/** The part of a terminal's stream that is used here. */
export interface ProgressStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

/**
 * How far something has come: one line that is written over on a terminal; elsewhere (a log, a pipe) a new line for
 * each tenth.
 */
export class Progress {
  readonly #stream: ProgressStream;
  #total: number;
  #done = 0;
  #failed = 0;
  #note = '';
  #tenth = 0;

  constructor(stream: ProgressStream, total: number) {
    this.#stream = stream;
    this.#total = total;
  }

  step(ok: boolean): void {
    this.#done += 1;
    if (!ok) this.#failed += 1;
    this.#draw();
  }

  /** So many more are to come. */
  more(count: number): void {
    this.#total += count;
    this.#tenth = this.#tenths();
  }

  /** On a terminal it stands after the figures from now on; elsewhere it is a line of its own. */
  note(text: string): void {
    if (this.#stream.isTTY !== true) return void this.#stream.write(`${text}\n`);
    this.#note = text;
    this.#draw();
  }

  /** Leaves the line. */
  end(): void {
    if (this.#stream.isTTY === true) this.#stream.write('\n');
  }

  #draw(): void {
    const figures = `${this.#done}/${this.#total}${this.#failed > 0 ? `, ${this.#failed} failed` : ''}`;
    const text = this.#note === '' ? figures : `${figures}  ${this.#note}`;
    if (this.#stream.isTTY === true) {
      const line = `[${this.#bar(30)}] ${text}`.slice(0, (this.#stream.columns ?? 80) - 1);
      this.#stream.write(`\r\u001b[K${line}`);
      return;
    }
    const tenth = this.#tenths();
    if (tenth <= this.#tenth) return;
    this.#tenth = tenth;
    this.#stream.write(`${text}\n`);
  }

  #tenths(): number {
    return Math.floor((10 * this.#done) / Math.max(1, this.#total));
  }

  #bar(width: number): string {
    const filled = Math.min(width, Math.floor((width * this.#done) / Math.max(1, this.#total)));
    return '#'.repeat(filled).padEnd(width, '.');
  }
}
