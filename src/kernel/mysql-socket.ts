import { connect, type Socket } from 'node:net';

/**
 * A TCP connection for mysql2. Where the host is an address and not a name, mysql2 leaves it to Node to find out what
 * the certificate must be for; Node then reads this property of the socket, which it sets itself for names only, and
 * takes `localhost` where there is none.
 */
export function mysqlSocket(host: string, port: number): Socket {
  const socket = connect({ host, port, noDelay: true, keepAlive: true, keepAliveInitialDelay: 10_000 });
  return Object.assign(socket, { _host: host });
}
