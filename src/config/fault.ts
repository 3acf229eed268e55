import { AppError } from '../kernel/errors.ts';

/** Where a value was written. */
export type Origin =
  | { readonly kind: 'file'; readonly file: string; readonly line: number }
  | { readonly kind: 'environment'; readonly variable: string }
  | { readonly kind: 'flag'; readonly flag: string }
  | { readonly kind: 'default' };

/** One thing wrong with the configuration, in a person's words. Never quotes the value of a secret option. */
export interface Fault {
  readonly where: Origin | undefined;
  readonly problem: string;
  /** What to do about it. */
  readonly fix?: string;
}

/** The configuration cannot be used. Holds everything that is wrong, so that one look and one edit are enough. */
export class ConfigError extends AppError {
  readonly code = 'CONFIG';
  readonly faults: readonly Fault[];

  constructor(faults: readonly Fault[]) {
    const count = faults.length === 1 ? 'one fault' : `${faults.length} faults`;
    super(`${count} in the configuration:\n${faults.map((fault) => `  ${faultText(fault)}`).join('\n')}`, {
      outcome: 'not-started',
    });
    this.faults = faults;
  }
}

/** `file:line`, the variable or the flag: the form that editors and people jump to. */
export function originText(origin: Origin): string {
  switch (origin.kind) {
    case 'file':
      return `${origin.file}:${origin.line}`;
    case 'environment':
      return `environment ${origin.variable}`;
    case 'flag':
      return origin.flag;
    case 'default':
      return 'default';
  }
}

/** One line for a fault: where, what, and the fix. */
export function faultText(fault: Fault): string {
  const where = fault.where === undefined ? '' : `${originText(fault.where)}: `;
  return `${where}${fault.problem}${fault.fix === undefined ? '' : ` (${fault.fix})`}`;
}
