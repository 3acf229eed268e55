import { isCinder } from '../domain/exceptions.ts';
import type { CinderError, CinderExceptionName } from '../domain/exceptions.ts';
import { isJsonObject } from '../domain/json.ts';
import type { Json, JsonObject } from '../domain/json.ts';

/*
 * A volume that could not be made here goes back to the scheduler, which tries another backend. It stays `creating` and
 * has no host meanwhile. How often is the scheduler's business: it counts in `filter_properties.retry`, which is handed
 * back as it came, and ends with `NoValidBackend`.
 */

/** Errors that no other backend would be spared: the volume goes to `error` at once. */
const FINAL: readonly CinderExceptionName[] = [
  'ImageCopyFailure',
  'MetadataCopyFailure',
  'MetadataUpdateFailure',
  'VolumeNotFound',
  'SnapshotNotFound',
  'VolumeTypeNotFound',
  'ImageConversionNotAllowed',
  'ImageUnacceptable',
  'ImageTooBig',
  'InvalidSignatureImage',
  'ImageSignatureVerificationException',
];

/** What decides, of the plain arguments of create_volume. */
export interface RescheduleRequest {
  readonly allow_reschedule?: boolean | null;
  readonly request_spec?: object | null;
  readonly filter_properties?: { readonly retry?: unknown } | null;
}

export function mayReschedule(request: RescheduleRequest, error: CinderError): boolean {
  const { allow_reschedule: allowed = true, request_spec: spec, filter_properties: filter } = request;
  const hasRetry = isJsonObject(filter?.retry) && Object.keys(filter.retry).length > 0;
  return allowed === true && spec !== null && spec !== undefined && hasRetry && !isCinder(error, ...FINAL);
}

/** The scheduler's arguments, made of those with which the volume came to us; objects stay in their wire form. */
export function schedulerArgs(received: JsonObject, volumeId: string, error: CinderError): JsonObject {
  return {
    volume: withFields(received['volume'] ?? null, { host: null }),
    snapshot_id: null,
    image_id: null,
    backup_id: null,
    request_spec: withFields(received['request_spec'] ?? null, { volume_id: volumeId }, 'changed'),
    filter_properties: withReason(received['filter_properties'] ?? null, error),
  };
}

/** Upstream sends a traceback's lines; the scheduler logs them and drops them. */
function withReason(filter: Json, error: CinderError): Json {
  const properties = isJsonObject(filter) ? filter : {};
  const retry = isJsonObject(properties['retry']) ? properties['retry'] : {};
  const exc = [`cinder.exception.${error.exception}: ${error.message}\n`];
  return { ...properties, retry: { ...retry, exc } };
}

/** Sets fields of a versioned object in its wire form, or of a plain dictionary, which both may stand here. */
function withFields(entity: Json, fields: JsonObject, mark?: 'changed'): Json {
  if (!isJsonObject(entity)) return entity;
  const data = entity['versioned_object.data'];
  if (!isJsonObject(data)) return { ...entity, ...fields };
  const changes = entity['versioned_object.changes'];
  const changed = new Set([...(Array.isArray(changes) ? (changes as readonly Json[]) : []), ...Object.keys(fields)]);
  return {
    ...entity,
    'versioned_object.data': { ...data, ...fields },
    ...(mark === 'changed' && { 'versioned_object.changes': [...changed] }),
  };
}
