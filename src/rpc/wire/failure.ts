import { CinderError } from '../../domain/exceptions.ts';
import { isJsonObject } from '../../domain/json.ts';
import type { JsonObject } from '../../domain/json.ts';
import { AppError, toError } from '../../kernel/errors.ts';
import type { Outcome } from '../../kernel/errors.ts';
import { FieldReader } from './fields.ts';
import { parseJsonObject } from './json-text.ts';
import { WireError } from './wire-error.ts';
import type { PythonClass } from './wire-error.ts';

/*
 * A failed call's error in a reply is JSON text {class, module, message, tb, args, kwargs}. The caller imports the class
 * if the module is cinder.exception (or builtins) and calls it with args and kwargs; if that fails in any way, it gets
 * a RemoteError, for which the API answers 500. Handlers look at the class's name in either case.
 */

const CINDER_MODULE = 'cinder.exception';
const OWN_MODULE = 'cinder_volume_aa';

/** An error that the caller should see as this Python class, outside `cinder.exception`. */
export class PythonError extends AppError {
  readonly code = 'PYTHON_ERROR';
  readonly python: PythonClass;

  constructor(python: PythonClass, message: string, options: ErrorOptions & { outcome?: Outcome } = {}) {
    super(message, options);
    this.python = python;
  }
}

/** The answer to a method of a version that this service does not have. */
export function unsupportedVersion(version: string, method: string): PythonError {
  const message = `Endpoint does not support RPC version ${version}. Attempted method: ${method}`;
  return dispatchError('UnsupportedVersion', message);
}

/** The answer to a method that this service does not have at all. */
export function noSuchMethod(method: string): PythonError {
  return dispatchError('NoSuchMethod', `Endpoint does not support RPC method ${method}`);
}

/** The answer to missing or unknown arguments. */
export function wrongArguments(message: string): PythonError {
  return new PythonError({ name: 'TypeError', module: 'builtins' }, message, { outcome: 'not-started' });
}

/** What a peer that we called says went wrong. Its effect is unknown: the peer may have done part of the work. */
export class RemoteError extends AppError {
  readonly code = 'REMOTE_ERROR';
  /** The Python class, without the `_Remote` of an error that was passed on. */
  readonly python: PythonClass;
  readonly remoteMessage: string;
  readonly kwargs: JsonObject;
  /** The peer's traceback, for the log only. */
  readonly traceback: string;

  constructor(python: PythonClass, remoteMessage: string, details: { kwargs: JsonObject; traceback: string }) {
    super(`Remote error: ${python.name} ${remoteMessage}`, { outcome: 'unknown' });
    this.python = python;
    this.remoteMessage = remoteMessage;
    this.kwargs = details.kwargs;
    this.traceback = details.traceback;
  }

  /** Whether it is one of these classes of `cinder.exception`. */
  isCinder(...names: readonly string[]): boolean {
    return this.python.module === CINDER_MODULE && names.includes(this.python.name);
  }
}

/**
 * The failure text of a reply. No stack of ours goes out: paths and code of this service are of no use to the caller,
 * whose API may show the text to a user.
 */
export function encodeFailure(thrown: unknown): string {
  const error = toError(thrown);
  const { name, module } = pythonClassOf(error);
  return JSON.stringify({
    class: name,
    module,
    message: messageFor(error),
    tb: [`${module}.${name}: ${messageFor(error)}\n`],
    args: [positionalArgument(error)],
    kwargs: kwargsOf(error),
  });
}

/** Total: a failure text that cannot be read is a `RemoteError` as well, since the call has failed in any case. */
export function decodeFailure(text: string): RemoteError {
  try {
    return parseFailure(parseJsonObject('failure', text));
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    const unknown: PythonClass = { name: 'UnknownFailure', module: OWN_MODULE };
    return new RemoteError(unknown, `unreadable (${error.message})`, { kwargs: {}, traceback: '' });
  }
}

function parseFailure(failure: JsonObject): RemoteError {
  const reader = new FieldReader('failure', failure);
  const python: PythonClass = {
    name: withoutRemote(reader.text('class')),
    module: withoutRemote(reader.optionalText('module') ?? ''),
  };
  const trace = reader.get('tb');
  const kwargs = reader.get('kwargs');
  return new RemoteError(python, reader.optionalText('message') ?? '', {
    kwargs: isJsonObject(kwargs) ? kwargs : {},
    traceback: linesOf(trace),
  });
}

/** A traceback's lines; whatever else stands there is left out. */
function linesOf(trace: unknown): string {
  if (!Array.isArray(trace)) return '';
  const lines: readonly unknown[] = trace;
  return lines.filter((line) => typeof line === 'string').join('');
}

function pythonClassOf(error: Error): PythonClass {
  if (error instanceof CinderError) return { name: (error as CinderError).exception, module: CINDER_MODULE };
  if (error instanceof PythonError || error instanceof RemoteError || error instanceof WireError) return error.python;
  return { name: error.name, module: OWN_MODULE };
}

/**
 * Python formats a class's template if it contains `%(message)s`, and otherwise takes the argument for the whole text.
 * VolumeDriverException is the one with such a template: given its full text, it would double its beginning.
 */
function positionalArgument(error: Error): string {
  const inner = error instanceof CinderError ? (error.kwargs as JsonObject)['message'] : undefined;
  return typeof inner === 'string' && error.message.endsWith(inner) ? inner : messageFor(error);
}

/** An error that is passed on says what it said at first. */
function messageFor(error: Error): string {
  return error instanceof RemoteError ? error.remoteMessage : error.message;
}

/** Without `message`: beside the positional argument it is a TypeError in the caller, hence a RemoteError. */
function kwargsOf(error: Error): JsonObject {
  if (error instanceof CinderError) return { ...withoutMessage(error.kwargs), code: error.httpCode };
  return error instanceof RemoteError ? withoutMessage(error.kwargs) : {};
}

function withoutMessage(kwargs: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(kwargs).filter(([name]) => name !== 'message'));
}

function withoutRemote(name: string): string {
  return name.replace(/_Remote$/, '');
}

function dispatchError(name: string, message: string): PythonError {
  return new PythonError({ name, module: 'oslo_messaging.rpc.dispatcher' }, message, { outcome: 'not-started' });
}
