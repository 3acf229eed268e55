import { ConfigError, faultText } from '../config/fault.ts';
import { AppError, messageOf } from '../kernel/errors.ts';
import type { CommandIo } from './command-io.ts';

/** Tells a failure in words; false: it is a defect, which keeps its stack. */
export function tellFailure(error: unknown, io: CommandIo): boolean {
  if (error instanceof ConfigError) for (const fault of error.faults) io.complain(faultText(fault));
  else if (io.signal.aborted) io.complain(`stopped: ${messageOf(io.signal.reason)}`);
  else if (error instanceof AppError || hasCode(error)) io.complain(`error: ${messageOf(error)}`);
  else return false;
  return true;
}

/** Errors of the system and of client libraries have a code. */
function hasCode(error: unknown): boolean {
  return error instanceof Error && 'code' in error;
}
