import type { JsonObject } from '../domain/json.ts';
import { InvalidInputError } from '../kernel/errors.ts';

/** One section's credentials; the values of its options fit. */
export interface Credentials {
  readonly authType: string | null;
  readonly authUrl: string | null;
  readonly username: string | null;
  readonly userId: string | null;
  readonly password: string | null;
  readonly userDomainId: string | null;
  readonly userDomainName: string | null;
  readonly projectName: string | null;
  readonly projectId: string | null;
  readonly projectDomainId: string | null;
  readonly projectDomainName: string | null;
  readonly systemScope: string | null;
  readonly applicationCredentialId: string | null;
  readonly applicationCredentialName: string | null;
  readonly applicationCredentialSecret: string | null;
}

/** The body of `POST /v3/auth/tokens` (Keystone's Identity API v3). `section`: for messages. */
export function authRequest(section: string, given: Credentials): JsonObject {
  return given.authType === 'v3applicationcredential'
    ? { auth: { identity: applicationCredential(section, given) } }
    : { auth: { identity: password(section, given), scope: scope(section, given) } };
}

/** The URL of Keystone's v3, whether or not the option says so. */
export function identityUrl(section: string, { authUrl }: Credentials): string {
  const base = required(section, 'auth_url', authUrl).replace(/\/+$/, '');
  return base.endsWith('/v3') ? base : `${base.replace(/\/v2\.0$/, '')}/v3`;
}

function password(section: string, given: Credentials): JsonObject {
  const user = { ...userOf(section, given), password: required(section, 'password', given.password) };
  return { methods: ['password'], password: { user } };
}

function applicationCredential(section: string, given: Credentials): JsonObject {
  const { applicationCredentialId: id, applicationCredentialName: name } = given;
  const secret = required(section, 'application_credential_secret', given.applicationCredentialSecret);
  const which =
    id !== null ? { id } : { name: required(section, 'application_credential_id', name), user: userOf(section, given) };
  return { methods: ['application_credential'], application_credential: { ...which, secret } };
}

function userOf(section: string, given: Credentials): JsonObject {
  if (given.userId !== null) return { id: given.userId };
  const name = required(section, 'username', given.username);
  return { name, domain: domainOf(section, 'user_domain_id', given.userDomainId, given.userDomainName) };
}

function scope(section: string, given: Credentials): JsonObject {
  if (given.projectId !== null) return { project: { id: given.projectId } };
  if (given.projectName === null && given.systemScope !== null) return { system: { all: true } };
  const name = required(section, 'project_name', given.projectName);
  const { projectDomainId, projectDomainName } = given;
  return { project: { name, domain: domainOf(section, 'project_domain_id', projectDomainId, projectDomainName) } };
}

function domainOf(section: string, option: string, id: string | null, name: string | null): JsonObject {
  return name !== null && id === null ? { name } : { id: required(section, option, id) };
}

function required(section: string, option: string, value: string | null): string {
  if (value === null) throw new InvalidInputError(`[${section}] ${option}`, 'is not set; requests to Keystone need it');
  return value;
}
