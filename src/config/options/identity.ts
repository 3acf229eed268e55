import { boolean, defineOptions, seconds, string } from '../option.ts';

/** keystoneauth's options, as they stand in every section that holds credentials. */
function authDrafts(where: string) {
  return {
    authType: string('auth_type', null, {
      formerly: ['auth_plugin'],
      check: (text) =>
        ['password', 'v3password', 'v3applicationcredential'].includes(text)
          ? undefined
          : 'must be password, v3password or v3applicationcredential',
      help: `How ${where} proves who it is: password or v3applicationcredential.`,
    }),
    authUrl: string('auth_url', null, { help: 'URL of Keystone, with or without /v3.' }),
    username: string('username', null, { formerly: ['user_name', 'user-name'], help: "The user's name." }),
    userId: string('user_id', null, { formerly: ['user-id'], help: "The user's id, in place of name and domain." }),
    password: string('password', null, { secret: true, help: "The user's password." }),
    userDomainId: string('user_domain_id', null, { formerly: ['user-domain-id'], help: "Id of the user's domain." }),
    userDomainName: string('user_domain_name', null, {
      formerly: ['user-domain-name'],
      help: "Name of the user's domain.",
    }),
    projectName: string('project_name', null, {
      formerly: ['project-name', 'tenant_name', 'tenant-name'],
      help: 'Name of the project that the user works in.',
    }),
    projectId: string('project_id', null, {
      formerly: ['project-id', 'tenant_id', 'tenant-id'],
      help: 'Id of the project, in place of name and domain.',
    }),
    projectDomainId: string('project_domain_id', null, {
      formerly: ['project-domain-id'],
      help: "Id of the project's domain.",
    }),
    projectDomainName: string('project_domain_name', null, {
      formerly: ['project-domain-name'],
      help: "Name of the project's domain.",
    }),
    systemScope: string('system_scope', null, { help: 'all: a token for the whole system instead of a project.' }),
    applicationCredentialId: string('application_credential_id', null, { help: 'Id of an application credential.' }),
    applicationCredentialName: string('application_credential_name', null, {
      help: 'Name of an application credential of the user, in place of its id.',
    }),
    applicationCredentialSecret: string('application_credential_secret', null, {
      secret: true,
      help: 'Secret of the application credential.',
    }),
    regionName: string('region_name', null, { help: 'The region whose entries of the service catalogue are used.' }),
    cafile: string('cafile', null, { help: "File of certificates by which Keystone's certificate is checked." }),
    certfile: string('certfile', null, { help: 'File of our own certificate for Keystone.' }),
    keyfile: string('keyfile', null, { help: 'File of the private key to certfile.' }),
    insecure: boolean('insecure', false, { help: "Whether Keystone's certificate is not checked." }),
    timeoutMs: seconds('timeout', null, {
      min: 1,
      formerly: ['http_connect_timeout'],
      help: 'Seconds of silence after which a request to Keystone is given up.',
    }),
  };
}

/** The user as which Cinder's services work; ours too, unless `[service_user]` names another. */
export const keystoneAuthtokenOptions = defineOptions('keystone_authtoken', authDrafts('the service'));

/** The user for requests to other services. */
export const serviceUserOptions = defineOptions('service_user', {
  ...authDrafts('the service user'),
  sendServiceUserToken: boolean('send_service_user_token', false, {
    help: "Whether a token of the service user goes along with a user's own token, so that a request that takes long is served although the user's token has expired.",
  }),
});

/** The user for requests to Nova, which must be let do what administrators may. */
export const novaOptions = defineOptions('nova', {
  ...authDrafts('the user for Nova'),
  interface: string('interface', 'public', {
    check: (text) => (['public', 'internal', 'admin'].includes(text) ? undefined : 'must be public, internal or admin'),
    help: 'Which endpoint of Nova in the service catalogue is used: public, internal or admin.',
  }),
});

/** The user for requests to Barbican that have no token of a user's own. */
export const barbicanServiceUserOptions = defineOptions('barbican_service_user', authDrafts('the user for Barbican'));
