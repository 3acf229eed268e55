/**
 * What every part writes its log lines to. pino's own shape, so that a pino logger is one: an object of fields first
 * (`err` for an error, `request_id`, `volume_id`, … in the field's own spelling), then a sentence.
 */
export interface Logger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
  /** A logger that adds `fields` to every line. */
  child(fields: Record<string, unknown>): Logger;
}

/** Says nothing: for tests and for parts built before the log is. */
export const silentLogger: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => silentLogger,
};
