import { createHash } from 'node:crypto';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';

interface Service {
  readonly image?: string;
  readonly build?: string;
  readonly hostname?: string;
  readonly profiles?: readonly string[];
  readonly volumes?: readonly string[];
  readonly healthcheck?: { readonly test: readonly string[] };
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
}

const root = join(import.meta.dirname, '../../..');
const read = (path: string): string => readFileSync(join(root, path), 'utf8');
const file = parse(read('docker-compose.yml'), { merge: true }) as {
  services: Record<string, Service>;
  volumes: Record<string, unknown>;
};
const services = Object.entries(file.services);
const replicas = services.filter(([name]) => name.startsWith('replica')).map(([, service]) => service);

describe('docker-compose.yml', () => {
  it('has the servers, three replicas with names of their own, and the command line', () => {
    expect(Object.keys(file.services)).toEqual(expect.arrayContaining(['rabbitmq', 'postgres', 'zookeeper', 'cli']));
    expect(file.services['redis']?.profiles).toEqual(['redis']);
    expect(new Set(replicas.map(({ hostname }) => hostname)).size).toBe(3);
  });

  it('waits only for services that exist, by conditions that they can reach', () => {
    for (const [name, service] of services)
      for (const [other, { condition }] of Object.entries(service.depends_on ?? {})) {
        expect(file.services, name).toHaveProperty(other);
        if (condition === 'service_healthy') expect(file.services[other]?.healthcheck, other).toBeDefined();
      }
  });

  it('mounts only what exists', () => {
    const sources = services.flatMap(([, { volumes = [] }]) => volumes.map((volume) => volume.split(':')[0] ?? ''));
    expect(sources.length).toBeGreaterThan(0);
    for (const source of sources)
      if (source.startsWith('.')) expect(existsSync(join(root, source)), source).toBe(true);
      else expect(file.volumes).toHaveProperty(source);
  });

  it('puts the share where the driver looks for it', () => {
    const share = read('etc/compose/nfs_shares').trim();
    const conf = read('etc/compose/cinder.conf');
    const base = /^nfs_mount_point_base = (.*)$/m.exec(conf)?.[1] ?? '';
    const mountPoint = join(base, createHash('md5').update(share).digest('hex'));
    expect(replicas).toHaveLength(3);
    for (const { volumes } of replicas) expect(volumes).toContain(`share:${mountPoint}`);
  });

  it('asks each replica whether it is ready', () => {
    for (const { healthcheck } of replicas) expect(healthcheck?.test.join(' ')).toContain('/readyz');
  });

  it('names the hosts of the conf file as services', () => {
    const hosts = [...read('etc/compose/cinder.conf').matchAll(/^[^#\n]*:\/\/(?:[^@\n]*@)?([a-z]+):\d+/gm)];
    expect(hosts.map(([, host]) => host)).toEqual(['rabbitmq', 'postgres', 'zookeeper']);
    for (const [, host = ''] of hosts) expect(file.services).toHaveProperty(host);
  });
});

describe('Dockerfile', () => {
  const lines = read('Dockerfile').split('\n');

  it('copies only what exists', () => {
    const sources = lines
      .filter((line) => line.startsWith('COPY ') && !line.includes('--from='))
      .flatMap((line) => line.split(/\s+/).slice(1, -1));
    expect(sources).toContain('src');
    for (const source of sources) expect(existsSync(join(root, source)), source).toBe(true);
  });

  it('runs as a user that is not root, on libraries without the development ones', () => {
    expect(lines).toContain('USER 42407:42407');
    expect(lines.some((line) => line.includes('npm ci --omit=dev'))).toBe(true);
  });

  it('starts an executable whose path carries the name that probes look for', () => {
    expect(lines).toContain('ENTRYPOINT ["/usr/local/bin/cinder-volume-aa"]');
    expect(statSync(join(root, 'bin/cinder-volume-aa')).mode & 0o111).toBe(0o111);
  });
});
