import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { connect, credentials } from 'amqplib';
import type { ChannelModel, Options, SocketOptions } from 'amqplib';
import type { BrokerHost } from '../transport-url.ts';
import type { RabbitOptions } from './rabbit-options.ts';

/** How long one broker may take from the first packet to an open connection. */
const CONNECT_TIMEOUT_MS = 10_000;

/** Opens one connection to one broker. The certificates are read anew each time: they may have been renewed. */
export async function openConnection(host: BrokerHost, vhost: string, options: RabbitOptions): Promise<ChannelModel> {
  const where: Options.Connect = {
    protocol: options.ssl ? 'amqps' : 'amqp',
    hostname: host.host,
    port: host.port,
    // amqplib decodes what it is given here.
    vhost: encodeURIComponent(vhost),
    heartbeat: heartbeatSeconds(options.heartbeatTimeoutThresholdMs),
  };
  return connect(where, {
    ...(options.ssl && (await tlsOptions(options))),
    credentials: login(host, options.rabbitLoginMethod),
    clientProperties: clientProperties(),
    timeout: CONNECT_TIMEOUT_MS,
    noDelay: true,
    keepAlive: true,
  });
}

/**
 * amqplib gives a connection up after two to three intervals of silence, RabbitMQ after two; a third of the threshold
 * therefore ends a dead connection, and hands its messages to others, within the threshold.
 */
export function heartbeatSeconds(thresholdMs: number): number {
  return thresholdMs === 0 ? 0 : Math.max(1, Math.floor(thresholdMs / 3000));
}

function login({ username, password }: BrokerHost, method: RabbitOptions['rabbitLoginMethod']) {
  if (method === 'EXTERNAL') return credentials.external();
  return method === 'PLAIN' ? credentials.plain(username, password) : credentials.amqplain(username, password);
}

function clientProperties(): Record<string, unknown> {
  return {
    product: 'cinder-volume-aa',
    connection_name: `cinder-volume-aa:${process.pid}:${randomUUID()}`,
    capabilities: {
      publisher_confirms: true,
      'basic.nack': true,
      consumer_cancel_notify: true,
      'connection.blocked': true,
      authentication_failure_close: true,
    },
  };
}

/** Without a CA the certificate is not checked at all; the host's name only if that is asked for. */
async function tlsOptions(options: RabbitOptions): Promise<SocketOptions> {
  const { sslCaFile: ca, sslCertFile: cert, sslKeyFile: key, sslVersion } = options;
  const version = tlsVersion(sslVersion);
  return {
    ...(ca !== '' && { ca: await readFile(ca) }),
    ...(cert !== '' && { cert: await readFile(cert) }),
    ...(key !== '' && { key: await readFile(key) }),
    ...(version !== undefined && { minVersion: version, maxVersion: version }),
    rejectUnauthorized: ca !== '',
    ...(!options.sslEnforceHostnameVerification && { checkServerIdentity: () => undefined }),
  };
}

/** `TLSv1_2` (Python's spelling) as `TLSv1.2` (Node's). */
function tlsVersion(text: string): 'TLSv1' | 'TLSv1.1' | 'TLSv1.2' | 'TLSv1.3' | undefined {
  const names = { tlsv1: 'TLSv1', tlsv1_1: 'TLSv1.1', tlsv1_2: 'TLSv1.2', tlsv1_3: 'TLSv1.3' } as const;
  return Object.entries(names).find(([name]) => name === text.toLowerCase())?.[1];
}
