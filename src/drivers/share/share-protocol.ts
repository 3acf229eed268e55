import type { Outcome } from '../../kernel/errors.ts';
import type { Qcow2Header } from '../qcow2-header.ts';

/*
 * What the main process and the share helper say to each other: one JSON object on each line, requests on the helper's
 * standard input, answers on its standard output, in any order.
 */

/** The folder on a share in which unfinished files stand; it is on the same file system, so that `link` works. */
export const tempFolder = '.cinder-volume-aa';

/** Made and removed in a share's folder, so that this client sees the folder as the server has it. */
export const freshnessFile = '.cinder-volume-aa.fresh';

export interface FileOwner {
  readonly uid: number;
  readonly gid: number;
}

/** One file of a volume as it was found. */
export interface ImageFacts extends FileOwner {
  readonly name: string;
  /** The file's length; of a raw image this is the virtual size. */
  readonly bytes: number;
  /** Permission bits. */
  readonly mode: number;
  /** What its first bytes claim: a guest can write these into a raw image, so they are no proof for a base file. */
  readonly header: Qcow2Header | null;
  /** Of a file that is LUKS as a whole: where its data begins, in bytes. */
  readonly luksDataAt: number | null;
  /** Whether somebody has the image open (qemu's lock bytes), where that was asked. */
  readonly busy: boolean;
}

/** A file that no volume has (yet), as it was found. */
export type FoundFile =
  /** Why it cannot become a volume. */
  | { readonly fault: string }
  | {
      readonly fault: null;
      readonly facts: ImageFacts;
      readonly format: 'raw' | 'qcow2';
      /** How many names it has. */
      readonly links: number;
    };

/** A file that is complete under its temporary name. */
export interface CommitArgs {
  readonly dir: string;
  readonly temp: string;
  readonly name: string;
  /** `link` fails where the name exists already; `rename` takes its place. */
  readonly how: 'link' | 'rename';
  readonly mode: number;
  /** Given to this owner, if we may. */
  readonly owner: FileOwner | null;
  /** Lengthened to this many bytes first, if it is shorter. */
  readonly growTo: number | null;
}

interface Verb<Args, Result> {
  readonly args: Args;
  readonly result: Result;
}

/** Every request, its arguments and its answer. Folders are absolute and known to the helper; names have no slash. */
export interface ShareVerbs {
  statfs: Verb<
    { readonly dir: string },
    { readonly totalBytes: number; readonly freeBytes: number; readonly availableBytes: number }
  >;
  /** Makes a folder (one level) if it is missing. */
  ensureFolder: Verb<{ readonly dir: string }, null>;
  /** Makes the folder for unfinished files, with exactly this mode if it is ours. */
  ensureTempFolder: Verb<{ readonly dir: string; readonly mode: number }, null>;
  exists: Verb<{ readonly dir: string; readonly name: string }, boolean>;
  /**
   * A whole volume: removes what other owners left unfinished, reads `.info`, and follows the backing files from the
   * active image to `base`. `also` are looked at in any case; a missing file is null.
   */
  look: Verb<
    {
      readonly dir: string;
      readonly base: string;
      readonly tag: string;
      readonly also: readonly string[];
      readonly fresh: boolean;
      readonly probe: boolean;
    },
    { readonly info: string | null; readonly images: Readonly<Record<string, ImageFacts | null>> }
  >;
  inspect: Verb<{ readonly dir: string; readonly name: string; readonly temp: boolean }, ImageFacts | null>;
  /** The names of all regular files; hidden ones are left out. */
  files: Verb<{ readonly dir: string; readonly fresh: boolean }, readonly string[]>;
  /** What these files are, by their own bytes; a missing one is null. */
  examine: Verb<
    { readonly dir: string; readonly names: readonly string[]; readonly fresh: boolean },
    Readonly<Record<string, FoundFile | null>>
  >;
  /** What stands in these small text files; a missing one is null. */
  read: Verb<{ readonly dir: string; readonly names: readonly string[] }, Readonly<Record<string, string | null>>>;
  /** Gives a file, synced, another name, which nobody may have. */
  adopt: Verb<{ readonly dir: string; readonly name: string; readonly as: string; readonly mode: number }, null>;
  /** A file of `bytes` zeros, complete or not at all. */
  createFile: Verb<
    {
      readonly dir: string;
      readonly name: string;
      readonly tag: string;
      readonly temp: string;
      readonly bytes: number;
      readonly mode: number;
      readonly fill: 'sparse' | 'zeros';
      /** Whether a file of another size may be replaced. */
      readonly mayReplace: boolean;
      /** Whether other machines may have made or removed the file behind this kernel's back. */
      readonly fresh: boolean;
    },
    { readonly state: 'made' | 'exists' } | { readonly state: 'conflict'; readonly bytes: number }
  >;
  commit: Verb<CommitArgs, null>;
  /** Writes `text` under a temporary name and commits it by `rename`. */
  replaceFile: Verb<Omit<CommitArgs, 'how' | 'growTo'> & { readonly text: string }, null>;
  /** Gives a file another name, if nothing has that name: it has both for a moment, and never none. */
  move: Verb<
    { readonly dir: string; readonly from: string; readonly to: string },
    { readonly state: 'moved' | 'taken' }
  >;
  /** Removes files one after the other; missing ones are success. */
  unlink: Verb<{ readonly dir: string; readonly names: readonly string[] }, null>;
  /** Removes unfinished files of a volume, of other owners or (`own`) of this one. Answers with their names. */
  removeTemps: Verb<
    { readonly dir: string; readonly base: string; readonly tag: string; readonly own: boolean },
    readonly string[]
  >;
  run: Verb<
    {
      readonly argv: readonly [string, ...string[]];
      readonly timeoutMs: number;
      readonly asRoot: boolean;
      /** See `Exec`. */
      readonly secrets: readonly string[];
    },
    { readonly exitCode: number | null; readonly stdout: string; readonly stderr: string }
  >;
}

export type VerbName = keyof ShareVerbs;

/** Of CLOCK_BOOTTIME, in ms; null: no deadline. */
export type Deadline = number | null;

export type ToHelper =
  | {
      readonly op: 'call';
      readonly id: number;
      readonly verb: VerbName;
      readonly args: unknown;
      readonly deadlineMs: Deadline;
    }
  | { readonly op: 'renew'; readonly deadlines: readonly (readonly [id: number, deadlineMs: Deadline])[] }
  | { readonly op: 'abort'; readonly id: number };

export interface WireError {
  /** The errno's name, or `DEADLINE`, `ABORTED`, `REFUSED`, `TAKEN` (an unfinished file, by somebody who looked). */
  readonly code: string;
  readonly message: string;
  readonly outcome: Outcome;
}

export type FromHelper =
  | { readonly event: 'ready'; readonly pid: number }
  | { readonly event: 'result'; readonly id: number; readonly result: unknown }
  | { readonly event: 'error'; readonly id: number; readonly error: WireError };
