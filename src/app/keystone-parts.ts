import type { Settings } from '../config/options/index.ts';
import { HttpClient } from '../openstack/http-client.ts';
import { KeystoneSession } from '../openstack/keystone-session.ts';
import { NovaCompute } from '../openstack/nova-compute.ts';

/** Silence that is borne where no option says so. */
const idleMs = 60_000;

/** As `[service_user]`, if that has credentials, else as the user of `[keystone_authtoken]`. */
export function createSession({ serviceUser, keystoneAuthtoken }: Settings): KeystoneSession | null {
  const [section, user] =
    serviceUser.authType !== null
      ? (['service_user', serviceUser] as const)
      : (['keystone_authtoken', keystoneAuthtoken] as const);
  return sessionOf(section, user);
}

/** As `[nova]`, if that has credentials, else as the service user. */
export function createNova(settings: Settings): NovaCompute {
  const { nova } = settings;
  const session = nova.authType === null ? createSession(settings) : sessionOf('nova', nova);
  const region = nova.regionName ?? settings.keystoneAuthtoken.regionName;
  return new NovaCompute({
    http: clientOf(nova),
    session,
    endpoint: { type: 'compute', name: null, interface: nova.interface, region },
  });
}

/** Null where the section has no credentials. */
export function sessionOf(section: string, user: Settings['keystoneAuthtoken']): KeystoneSession | null {
  if (user.authType === null && user.authUrl === null) return null;
  return new KeystoneSession(clientOf(user), section, user);
}

function clientOf(user: Settings['keystoneAuthtoken']): HttpClient {
  const { cafile: caFile, certfile: certFile, keyfile: keyFile, insecure, timeoutMs } = user;
  return new HttpClient({ caFile, certFile, keyFile, insecure }, timeoutMs ?? idleMs);
}
