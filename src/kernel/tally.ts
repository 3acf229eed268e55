/** Something that happened and that operators count. */
export type Counted =
  /** `given-back`: nothing definite came of it here; whoever carries it next looks. Time from the locks' request on. */
  | {
      readonly what: 'operation-ended';
      readonly operation: string;
      readonly outcome: 'done' | 'refused' | 'given-back';
      readonly seconds: number;
    }
  | { readonly what: 'lock-waited'; readonly outcome: 'had' | 'timeout' | 'failed'; readonly seconds: number }
  | { readonly what: 'lock-lost' }
  | { readonly what: 'claim-lost' }
  | { readonly what: 'adopted'; readonly origin: 'message' | 'reconcile' | 'peer' }
  | { readonly what: 'redelivered' }
  | { readonly what: 'duplicate' }
  | { readonly what: 'broker-lost' };

/** Tells what happened. It neither waits nor throws. */
export type Tally = (counted: Counted) => void;

export const noTally: Tally = () => undefined;

/** Where the parts that count meet whoever wants to know, whichever is there first. */
export class TallyBoard {
  readonly #readers: Tally[] = [];
  readonly tell: Tally = (counted) => {
    for (const reader of this.#readers) reader(counted);
  };

  read(reader: Tally): void {
    this.#readers.push(reader);
  }
}
