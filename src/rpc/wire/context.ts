import { randomUUID } from 'node:crypto';
import type { RequestContext } from '../../domain/context.ts';
import type { JsonObject } from '../../domain/json.ts';
import { FieldReader } from './fields.ts';
import { isoMicros } from './timestamps.ts';
import { WireError } from './wire-error.ts';

/** A context as it came: what this program reads of it, and every other key as it was, for passing the request on. */
export interface WireContext {
  readonly request: RequestContext;
  /** The keys of the wire that `request` has no field for, as `service_catalog` and `trace_info`. */
  readonly rest: JsonObject;
}

/**
 * Reads the context's keys (without their `_context_`). What a sender may leave out gets Python's default; a sender
 * writes the domains as `user_domain` and `project_domain`. A null `is_admin` is decided by the roles.
 */
export function decodeContext(raw: JsonObject, now: Date = new Date()): WireContext {
  const reader = new FieldReader('context', raw);
  const roles = reader.textList('roles');
  const isAdmin = reader.optionalFlag('is_admin') ?? roles.includes('admin');
  const request: RequestContext = {
    user_id: reader.optionalText('user_id'),
    project_id: reader.optionalText('project_id'),
    project_name: reader.optionalText('project_name'),
    domain_id: reader.optionalText('domain_id'),
    user_domain_id: reader.optionalText('user_domain_id') ?? reader.optionalText('user_domain'),
    project_domain_id: reader.optionalText('project_domain_id') ?? reader.optionalText('project_domain'),
    is_admin: isAdmin,
    roles: isAdmin && !roles.includes('admin') ? [...roles, 'admin'] : roles,
    read_deleted: readDeleted(reader.optionalText('read_deleted')),
    remote_address: reader.optionalText('remote_address'),
    timestamp: reader.optionalText('timestamp') ?? isoMicros(now),
    quota_class: reader.optionalText('quota_class'),
    request_id: reader.optionalText('request_id') ?? `req-${randomUUID()}`,
    global_request_id: reader.optionalText('global_request_id'),
    auth_token: reader.optionalText('auth_token'),
    message_resource_id: reader.optionalText('message_resource_id'),
    message_resource_type: reader.optionalText('message_resource_type'),
    message_action: textOrList(reader, 'message_action'),
  };
  return { request, rest: withoutKeys(raw, request) };
}

/**
 * The context's keys as Zed and later send them. What was derived from the user and project by an earlier sender is
 * kept (`rest`), so that a context passed on is the one that came.
 */
export function encodeContext(request: RequestContext, rest: JsonObject = {}): JsonObject {
  const { user_domain_id: userDomain, project_domain_id: projectDomain, ...fields } = request;
  return {
    user: request.user_id,
    system_scope: null,
    project: request.project_id,
    domain: request.domain_id,
    read_only: false,
    show_deleted: false,
    resource_uuid: null,
    user_identity: userIdentity(request),
    is_admin_project: true,
    service_catalog: null,
    ...rest,
    ...fields,
    user_domain: userDomain,
    project_domain: projectDomain,
  };
}

/** The administrator's context of what the service does by itself: nobody's user, nobody's project. */
export function serviceContext(now: Date = new Date()): RequestContext {
  return decodeContext({ is_admin: true, roles: ['admin'], read_deleted: 'no' }, now).request;
}

/** The same keys without what would let a reader act as the user: for the journal and for logs. */
export function withoutCredentials(raw: JsonObject): JsonObject {
  const secrets = ['auth_token', 'service_catalog', 'trace_info'].filter((key) => Object.hasOwn(raw, key));
  return { ...raw, ...Object.fromEntries(secrets.map((key) => [key, null])) };
}

function textOrList(reader: FieldReader, key: string): string | readonly string[] | null {
  return Array.isArray(reader.get(key)) ? reader.textList(key) : reader.optionalText(key);
}

function readDeleted(text: string | null): RequestContext['read_deleted'] {
  if (text === null) return 'no';
  if (text === 'no' || text === 'yes' || text === 'only') return text;
  throw new WireError('context.read_deleted', 'is not known; send no, yes or only');
}

function userIdentity(request: RequestContext): string {
  const { user_id, project_id, domain_id, user_domain_id, project_domain_id } = request;
  return [user_id, project_id, domain_id, user_domain_id, project_domain_id].map((part) => part ?? '-').join(' ');
}

function withoutKeys(raw: JsonObject, known: object): JsonObject {
  return Object.fromEntries(Object.entries(raw).filter(([key]) => !Object.hasOwn(known, key)));
}
