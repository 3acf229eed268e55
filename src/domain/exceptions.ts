import { AppError, InvalidInputError, messageOf } from '../kernel/errors.ts';
import type { Outcome } from '../kernel/errors.ts';
import { CINDER_EXCEPTIONS } from './exception-catalogue.ts';

/** The name of a class of `cinder.exception`. */
export type CinderExceptionName = keyof typeof CINDER_EXCEPTIONS;

type Marks<Text extends string> = Text extends `${string}%(${infer Mark})s${infer Rest}` ? Mark | Marks<Rest> : never;

/** The parameters of an exception: those that its text in the catalogue marks with `%(name)s`. */
export type CinderKwargs<N extends CinderExceptionName> = {
  readonly [Mark in Marks<(typeof CINDER_EXCEPTIONS)[N]['message']>]: string | number | boolean | null;
};

export interface CinderErrorOptions extends ErrorOptions {
  /** In place of the catalogue's text. */
  readonly message?: string;
  readonly outcome?: Outcome;
}

/**
 * An error that a caller in Python sees as the `cinder.exception` of this name, with its HTTP code.
 *
 * `new CinderError('VolumeNotFound', { volume_id })`
 */
export class CinderError<N extends CinderExceptionName = CinderExceptionName> extends AppError {
  readonly code: string;
  readonly exception: N;
  readonly kwargs: CinderKwargs<N>;
  readonly httpCode: number;

  constructor(exception: N, kwargs: CinderKwargs<N>, options: CinderErrorOptions = {}) {
    const entry = CINDER_EXCEPTIONS[exception];
    super(options.message ?? fill(entry.message, kwargs), options);
    this.code = exception.replace(/(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])/g, '_').toUpperCase();
    this.exception = exception;
    this.kwargs = kwargs;
    this.httpCode = entry.httpCode;
  }
}

/** Whether `thrown` is one of these exceptions (exactly: a name does not stand for its Python subclasses). */
export function isCinder<N extends CinderExceptionName>(
  thrown: unknown,
  ...names: readonly N[]
): thrown is CinderError<N> {
  return thrown instanceof CinderError && names.some((name) => name === thrown.exception);
}

export function isCinderExceptionName(name: string): name is CinderExceptionName {
  return Object.hasOwn(CINDER_EXCEPTIONS, name);
}

/**
 * Any thrown thing as a `CinderError`, its outcome kept: itself if it is one, bad input as `InvalidInput`, the rest as
 * `CinderException` with its message. The effect of an error that is not ours is `unknown`.
 */
export function toCinderError(thrown: unknown): CinderError {
  if (thrown instanceof CinderError) return thrown as CinderError;
  const message = messageOf(thrown);
  const outcome = thrown instanceof AppError ? thrown.outcome : 'unknown';
  if (thrown instanceof InvalidInputError) {
    return new CinderError('InvalidInput', { reason: message }, { cause: thrown, outcome });
  }
  return new CinderError('CinderException', {}, { message, cause: thrown, outcome });
}

/** Fills the marks; a mark that a caller left out in spite of the types stays visible instead of throwing. */
function fill(text: string, kwargs: Readonly<Record<string, unknown>>): string {
  return text.replace(/%\((\w+)\)s/g, (mark, name: string) =>
    Object.hasOwn(kwargs, name) ? String(kwargs[name]) : mark,
  );
}
