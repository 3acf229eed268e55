import { connect } from 'node:net';
import { once } from 'node:events';

/** PostgreSQL's SSLRequest: its length, and the number that stands in a protocol's place. */
const sslRequest = Buffer.from([0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f]);
const yes = 'S';

/**
 * Whether the server takes TLS, asked over a connection of its own: libpq's `sslmode=prefer` goes on by what the
 * server answers, and the driver can only be told beforehand.
 */
export async function offersTls(host: string, port: number, signal: AbortSignal): Promise<boolean> {
  const socket = connect({ host, port });
  try {
    await once(socket, 'connect', { signal });
    socket.write(sslRequest);
    const [answer] = (await once(socket, 'data', { signal })) as [Buffer];
    return answer.toString('latin1') === yes;
  } finally {
    socket.on('error', () => undefined).destroy();
  }
}
