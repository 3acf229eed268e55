/**
 * What a member writes down, line by line, at once and on its own file: a process that is killed leaves all that it had
 * to say. Times are milliseconds of the machine's clock since its start, the same for all processes.
 *
 * - `won`: the lease was in the member's hands.
 * - `sure`: it was still held at this instant; `untilMs` is its proof's end (null: only its owner's own end ends it).
 * - `lost`: its signal fired.
 * - `minted`: it has this fencing token. `counted`, `refused`: what the database said of a write with it, asked for at
 *   this instant.
 * - `leaving`, `gone`: before and after it was given back.
 */
interface Details {
  readonly won: object;
  readonly sure: { readonly untilMs: number | null };
  readonly lost: { readonly why: string };
  readonly minted: { readonly token: number };
  readonly counted: object;
  readonly refused: object;
  readonly leaving: object;
  readonly gone: object;
}

type DeedOf<W extends keyof Details> = {
  readonly atMs: number;
  readonly lease: string;
  readonly lock: string;
  readonly what: W;
} & Details[W];
export type Deed = { readonly [W in keyof Details]: DeedOf<W> }[keyof Details];

/** What was done to the members and to the lock service. */
export interface Strike {
  readonly kind: StrikeKind;
  /** Undefined: all of them. */
  readonly member?: string;
  readonly fromMs: number;
  readonly toMs: number;
}

/**
 * - `kill`, `freeze`: a member's process. `block`: its main loop alone. `partition`: its way to the service.
 * - `stall`, `restart`: the service stands still, or is killed and started again.
 * - `forget`: the service loses its locks while it goes on.
 */
export type StrikeKind = 'kill' | 'freeze' | 'block' | 'partition' | 'stall' | 'restart' | 'forget';

/** A lease's whole life, as it was written down. */
export interface LeaseLife {
  readonly member: string;
  readonly lock: string;
  readonly lease: string;
  readonly wonMs: number;
  /** The last instant at which it was surely held, by its own word. */
  readonly sureMs: number;
  /** Its last proof; -Infinity without one. */
  readonly untilMs: number;
  readonly leavingMs: number | undefined;
  readonly lostMs: number | undefined;
  readonly lostWhy: string | undefined;
  readonly token: number | undefined;
  readonly mintedMs: number | undefined;
  readonly countedMs: number | undefined;
  readonly wasRefused: boolean;
}

/** One member's lines, made lives of. A last line that its writer did not end is left out. */
export function livesOf(member: string, text: string): readonly LeaseLife[] {
  const deeds = new Map<string, Deed[]>();
  for (const line of text.split('\n').slice(0, -1)) {
    const deed = JSON.parse(line) as Deed;
    deeds.set(deed.lease, [...(deeds.get(deed.lease) ?? []), deed]);
  }
  return [...deeds.values()].map((own) => lifeOf(member, own));
}

function lifeOf(member: string, deeds: readonly Deed[]): LeaseLife {
  const [first] = deeds;
  if (first?.what !== 'won') throw new Error(`the story of a lease of ${member} has no beginning`);
  const all = <W extends Deed['what']>(what: W): readonly DeedOf<W>[] =>
    deeds.filter((deed): deed is DeedOf<W> & Deed => deed.what === what);
  const sure = all('sure').at(-1);
  const [lost, minted, counted] = [all('lost')[0], all('minted')[0], all('counted').at(-1)];
  return {
    member,
    lock: first.lock,
    lease: first.lease,
    wonMs: first.atMs,
    sureMs: sure?.atMs ?? first.atMs,
    untilMs: sure === undefined ? -Infinity : (sure.untilMs ?? Infinity),
    leavingMs: all('leaving')[0]?.atMs,
    lostMs: lost?.atMs,
    lostWhy: lost?.why,
    token: minted?.token,
    mintedMs: minted?.atMs,
    countedMs: counted?.atMs,
    wasRefused: all('refused').length > 0,
  };
}
