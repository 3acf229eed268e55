/** Mistakes that the model must find when one is made on purpose. */
export const mistakes = [
  'the message is acknowledged before it is journalled',
  'the entry is claimed before the locks are had',
  'the row is read before the locks are had',
  'tokens belong to the request instead of the lock',
  'a replica keeps .info of its last look',
  'a look leaves the unfinished files of others',
  'a settlement does not compare claim and tokens',
  'a silent owner keeps its entries',
] as const;

export type Mistake = (typeof mistakes)[number];
