import { boolean, choice, defineOptions, string } from '../option.ts';

/** `[key_manager]`: where the keys of encrypted volumes are. */
export const keyManagerOptions = defineOptions('key_manager', {
  backend: string('backend', 'barbican', {
    formerly: ['api_class'],
    help: 'Where the keys of encrypted volumes are kept: barbican, or cinder.keymgr.conf_key_mgr.ConfKeyManager for fixed_key. With any other one, requests for encrypted volumes are refused.',
  }),
  fixedKey: string('fixed_key', null, {
    secret: true,
    formerly: [{ group: 'keymgr', name: 'fixed_key' }],
    check: (text) => (/^([0-9a-fA-F]{2})+$/.test(text) ? undefined : 'must be hexadecimal digits, two for each byte'),
    help: 'One key for all encrypted volumes, in hexadecimal digits. With barbican: for volumes from the time before it, whose key has the id 00000000-0000-0000-0000-000000000000.',
  }),
});

/** `[barbican]`. */
export const barbicanOptions = defineOptions('barbican', {
  endpoint: string('barbican_endpoint', null, {
    help: 'URL of Barbican. Unset: the one in the service catalogue.',
  }),
  endpointType: choice('barbican_endpoint_type', 'public', ['public', 'internal', 'admin'], {
    help: 'Which endpoint of Barbican in the service catalogue is used.',
  }),
  regionName: string('barbican_region_name', null, {
    help: "The region whose Barbican is used. Unset: [keystone_authtoken] region_name's.",
  }),
  verifySsl: boolean('verify_ssl', true, { help: "Whether Barbican's certificate is checked." }),
  verifySslPath: string('verify_ssl_path', null, {
    help: "File of certificates by which Barbican's certificate is checked.",
  }),
  sendServiceUserToken: boolean('send_service_user_token', false, {
    help: "Whether a token of the service user goes along with a user's own token.",
  }),
});
