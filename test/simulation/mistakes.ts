/** Mistakes that the simulation must find when one is made on purpose. */
export const mistakes = [
  'the proof counts from the answer',
  'no margin is taken off the proof',
  'the clock stands still while the machine sleeps',
  'a renewal takes a lock again',
  'a cancelled wait keeps what it wins',
  'the database does not compare tokens',
  'tokens come from the lock server',
] as const;

export type Mistake = (typeof mistakes)[number];
