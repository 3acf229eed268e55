import type { Settings } from '../config/options/index.ts';
import { FixedKey } from '../keys/fixed-key.ts';
import { keyRefused, type KeyManager } from '../keys/key-manager.ts';
import type { Logger } from '../log/logger.ts';
import { BarbicanKeys } from '../openstack/barbican-keys.ts';
import { HttpClient } from '../openstack/http-client.ts';
import { createSession, sessionOf } from './keystone-parts.ts';

/** Silence after which a try is given up: upstream has no limit, and a key is small. */
const idleMs = 60_000;

/** The key manager of `[key_manager] backend`. */
export function createKeys(settings: Settings, log: Logger): KeyManager {
  const { backend, fixedKey } = settings.keyManager;
  if (backend.endsWith('ConfKeyManager')) return new FixedKey(fixedKey, null);
  const isBarbican = backend === 'barbican' || backend.endsWith('BarbicanKeyManager');
  return new FixedKey(fixedKey, isBarbican ? createBarbican(settings, log) : unknownManager(backend));
}

/** As `[barbican_service_user]`, if that has credentials, else as the service user. */
function createBarbican(settings: Settings, log: Logger): BarbicanKeys {
  const { barbican, barbicanServiceUser: user, keystoneAuthtoken } = settings;
  const { verifySsl, verifySslPath: caFile } = barbican;
  const region = barbican.regionName ?? keystoneAuthtoken.regionName;
  return new BarbicanKeys({
    http: new HttpClient({ caFile, certFile: null, keyFile: null, insecure: !verifySsl }, idleMs),
    session: user.authType === null ? createSession(settings) : sessionOf('barbican_service_user', user),
    endpoint: barbican.endpoint,
    query: { type: 'key-manager', name: null, interface: barbican.endpointType, region },
    sendServiceToken: barbican.sendServiceUserToken,
    log,
  });
}

function unknownManager(backend: string): KeyManager {
  const reason = `[key_manager] backend = ${backend} is not known here; it must be barbican or cinder.keymgr.conf_key_mgr.ConfKeyManager`;
  return { get: () => Promise.reject(keyRefused(reason)) };
}
