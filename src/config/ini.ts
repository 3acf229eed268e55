import type { Fault } from './fault.ts';

/** One assignment as it stands in a file. A repeated key gives several. */
export interface IniEntry {
  /** As `normalSection` spells it. */
  readonly section: string;
  readonly key: string;
  /** Continuation lines are joined by line feeds. */
  readonly value: string;
  readonly file: string;
  /** Of the key, counted from 1. */
  readonly line: number;
}

/** A `[section]` line: sections may be empty and still mean something. */
export interface IniSection {
  readonly name: string;
  readonly file: string;
  readonly line: number;
}

/** What one file says, and everything in it that cannot be read. */
export interface IniFile {
  readonly file: string;
  readonly sections: readonly IniSection[];
  readonly entries: readonly IniEntry[];
  readonly faults: readonly Fault[];
}

/** oslo.config compares section names without case, except `DEFAULT`, which is spelled so and not otherwise. */
export function normalSection(name: string): string {
  return name === 'DEFAULT' ? name : name.toLowerCase();
}

/**
 * Reads oslo.config's file grammar: `[section]`, `key = value` or `key: value` (whichever sign comes first), an
 * indented line continues the value before it, a blank line or a comment (`#` or `;` in the first column) ends it,
 * and a pair of quotes around a whole value is dropped. A sign of a comment further right belongs to the value.
 *
 * Reading goes on after a fault, so that one run reports them all.
 */
export function parseIni(text: string, file: string): IniFile {
  const reader = new Reader(file);
  const lines = text.replace(/^\uFEFF/, '').split(/\r\n|\r|\n/);
  for (const [index, line] of lines.entries()) reader.take(line.trimEnd(), index + 1);
  reader.flush();
  return reader;
}

/** An assignment whose continuation lines are still coming in. */
interface OpenAssignment {
  readonly key: string;
  readonly line: number;
  readonly values: string[];
}

class Reader implements IniFile {
  readonly file: string;
  readonly sections: IniSection[] = [];
  readonly entries: IniEntry[] = [];
  readonly faults: Fault[] = [];
  /** `undefined` before the first section, `null` inside one whose header is broken. */
  #section: string | null | undefined;
  #open: OpenAssignment | undefined;

  constructor(file: string) {
    this.file = file;
  }

  take(line: string, number: number): void {
    if (line === '') return this.flush();
    if (line.startsWith(' ') || line.startsWith('\t')) return this.#continue(line, number);
    this.flush();
    if (line.startsWith('[')) return this.#startSection(line, number);
    if (line.startsWith('#') || line.startsWith(';')) return;
    this.#startAssignment(line, number);
  }

  /** Ends the assignment that is being read, if any. */
  flush(): void {
    const open = this.#open;
    this.#open = undefined;
    if (open === undefined || typeof this.#section !== 'string') return;
    const value = open.values.join('\n');
    this.entries.push({ section: this.#section, key: open.key, value, file: this.file, line: open.line });
  }

  #continue(line: string, number: number): void {
    if (this.#open !== undefined) this.#open.values.push(line.trimStart());
    else this.#fault(number, 'an indented line continues a value, but there is none before it', 'remove the indent');
  }

  #startSection(line: string, number: number): void {
    this.#section = null;
    if (!line.endsWith(']'))
      return this.#fault(number, 'a section must end with ]', 'nothing may follow it, not even a comment');
    const name = line.slice(1, -1);
    if (name === '') return this.#fault(number, 'a section needs a name', 'as in [DEFAULT]');
    this.#section = normalSection(name);
    this.sections.push({ name, file: this.file, line: number });
  }

  #startAssignment(line: string, number: number): void {
    const sign = line.search(/[:=]/);
    if (sign < 0) return this.#fault(number, 'there is neither = nor : in this line', 'write: option = value');
    const key = line.slice(0, sign).trim();
    if (key === '') return this.#fault(number, 'there is no option name before the sign', 'write: option = value');
    if (this.#section === undefined)
      return this.#fault(number, `${key} stands before any section`, 'put [DEFAULT] or its section above it');
    this.#open = { key, line: number, values: [withoutQuotes(line.slice(sign + 1).trim())] };
  }

  #fault(line: number, problem: string, fix: string): void {
    this.faults.push({ where: { kind: 'file', file: this.file, line }, problem, fix });
  }
}

/** Drops one pair of equal quotes. oslo.config takes a lone quote for a pair as well, and so do we. */
function withoutQuotes(value: string): string {
  const first = value[0];
  return (first === '"' || first === "'") && value.endsWith(first) ? value.slice(1, -1) : value;
}
