import type { Fault, Origin } from './fault.ts';
import type { Settings, BackendSettings } from './options/index.ts';
import type { Warning } from './warning.ts';

/** Where an option's value came from, for a message about it. */
export type OriginOf = (group: string, name: string) => Origin | undefined;

/** Rules between options, which no single one can check. */
export function combinationFaults(settings: Settings, originOf: OriginOf): Fault[] {
  const { rabbit } = settings;
  const at = (name: string) => originOf('oslo_messaging_rabbit', name);
  const faults: Fault[] = [];
  if (rabbit.rabbitQuorumQueue && rabbit.rabbitHaQueues)
    faults.push({
      where: at('rabbit_ha_queues'),
      problem: 'rabbit_quorum_queue and rabbit_ha_queues exclude one another',
      fix: 'leave rabbit_ha_queues out: RabbitMQ ignores it',
    });
  if (rabbit.rabbitStreamFanout && (rabbit.rabbitQosPrefetchCount === 0 || !rabbit.rabbitTransientQuorumQueue))
    faults.push({
      where: at('rabbit_stream_fanout'),
      problem: 'rabbit_stream_fanout needs rabbit_transient_quorum_queue = true and rabbit_qos_prefetch_count above 0',
    });
  return [...faults, ...timeFaults(settings, originOf), ...lockFaults(settings, originOf)];
}

function lockFaults({ service, coordination }: Settings, originOf: OriginOf): Fault[] {
  const unsafe = inMemcached(coordination) && service.cluster !== null;
  if (!unsafe || coordination.allowMemcached) return [];
  return [
    {
      where: originOf('coordination', 'backend_url'),
      problem: 'cluster is set and the locks are in memcached, which may forget any of them at any time',
      fix: 'name another lock service, or set allow_memcached_in_cluster = true',
    },
  ];
}

const inMemcached = ({ backendUrl }: Settings['coordination']): boolean => /^memcached:/i.test(backendUrl);

function timeFaults({ activeActive }: Settings, originOf: OriginOf): Fault[] {
  if (activeActive.presumedDeadAfterMs >= 2 * activeActive.incarnationHeartbeatMs) return [];
  return [
    {
      where: originOf('cinder_volume_aa', 'presumed_dead_after'),
      problem: 'presumed_dead_after must be at least twice incarnation_heartbeat',
      fix: 'or a single late heartbeat makes others take our work over',
    },
  ];
}

/** Each name in `enabled_backends` must stand once, have a section, and that a driver. */
export function backendFaults(
  names: readonly string[],
  hasSection: (name: string) => boolean,
  settingsOf: (name: string) => BackendSettings,
  originOf: OriginOf,
): Fault[] {
  const where = originOf('DEFAULT', 'enabled_backends');
  return names.flatMap((name, index): Fault[] => {
    if (names.indexOf(name) !== index) return [{ where, problem: `enabled_backends names ${name} twice` }];
    if (/[@#\s]/.test(name))
      return [{ where, problem: `the backend name ${JSON.stringify(name)} has an @, # or space` }];
    if (!hasSection(name))
      return [{ where, problem: `enabled_backends names ${name}, but there is no section [${name}]`, fix: 'add it' }];
    if (settingsOf(name).volumeDriver !== '') return [];
    const fix = 'add volume_driver = cinder.volume.drivers.nfs.NfsDriver';
    return [{ where, problem: `[${name}] has no volume_driver`, fix }];
  });
}

/**
 * A service whose heartbeats are rarer than the time after which it counts as dead would flap; upstream then takes
 * two and a half intervals, and so do we, or API and scheduler would disagree with us about who is up.
 */
export function withServiceDownTime(
  service: Settings['service'],
  originOf: OriginOf,
): { readonly service: Settings['service']; readonly warnings: readonly Warning[] } {
  if (service.serviceDownTimeMs > service.reportIntervalMs) return { service, warnings: [] };
  const used = Math.floor((service.reportIntervalMs / 1000) * 2.5);
  const where = originOf('DEFAULT', 'service_down_time') ?? { kind: 'default' };
  const message = `service_down_time is not longer than report_interval; ${used} seconds are used instead`;
  return {
    service: Object.freeze({ ...service, serviceDownTimeMs: used * 1000 }),
    warnings: [{ kind: 'adjusted', where, message }],
  };
}

/** What lets replicas of a cluster get in one another's way, though each of them alone is right. */
export function unsafeTogether(
  { service, coordination }: Settings,
  names: readonly string[],
  settingsOf: (name: string) => BackendSettings,
  originOf: OriginOf,
): readonly Warning[] {
  const found: Warning[] = [];
  const url = originOf('coordination', 'backend_url') ?? { kind: 'default' };
  if (inMemcached(coordination)) {
    const message = 'memcached is a cache: a restart, or a full memory, forgets locks that are held';
    found.push({ kind: 'unsafe', where: url, message });
  }
  if (service.cluster === null) return found;
  if (url.kind === 'default' && coordination.backendUrl.startsWith('file:')) {
    const fix = 'name a lock service, or a folder that all of them mount, in [coordination] backend_url';
    const message = `cluster is set and locks are files below state_path, which other hosts do not see: ${fix}`;
    found.push({ kind: 'unsafe', where: originOf('DEFAULT', 'cluster') ?? url, message });
  }
  for (const name of names.filter((one) => settingsOf(one).backendHost !== null)) {
    const fix = 'leave it out, and give every replica a host of its own';
    const message = `backend_host together with cluster gives all members one services row, so that none is seen to die: ${fix}`;
    found.push({ kind: 'unsafe', where: originOf(name, 'backend_host') ?? { kind: 'default' }, message });
  }
  return found;
}
