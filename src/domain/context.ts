/**
 * Who asked, as oslo's request context carries it (spec: rpc-wire.md §5). Names are the wire's own. A context that
 * was written to the journal has no `auth_token`: whoever continues the request acts as the service user.
 */
export interface RequestContext {
  readonly user_id: string | null;
  readonly project_id: string | null;
  readonly project_name: string | null;
  readonly domain_id: string | null;
  readonly user_domain_id: string | null;
  readonly project_domain_id: string | null;
  readonly is_admin: boolean;
  readonly roles: readonly string[];
  readonly read_deleted: 'no' | 'yes' | 'only';
  readonly remote_address: string | null;
  /** Naive UTC in ISO form with microseconds. */
  readonly timestamp: string;
  readonly quota_class: string | null;
  readonly request_id: string;
  readonly global_request_id: string | null;
  readonly auth_token: string | null;
  readonly message_resource_id: string | null;
  readonly message_resource_type: string | null;
  /** What the user's messages are about; cinder-backup sends a code and its words, as a list. */
  readonly message_action: string | readonly string[] | null;
}

/** The same request with the administrator's rights: same request id, same user. */
export function elevated(context: RequestContext): RequestContext {
  const roles = context.roles.includes('admin') ? context.roles : [...context.roles, 'admin'];
  return { ...context, is_admin: true, roles };
}
