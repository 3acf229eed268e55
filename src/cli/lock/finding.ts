/**
 * What `lock check` found about one thing. `note`: as this lock service is, and to be known; `problem`: two owners, or
 * none, are possible.
 */
export interface Finding {
  readonly level: 'ok' | 'note' | 'problem';
  readonly about: string;
  readonly text: string;
}

export type Report = (finding: Finding) => void;

export function findingLine({ level, about, text }: Finding): string {
  return `${level.padEnd(7)}  ${about}: ${text}`;
}
