import { once } from 'node:events';
import { createConnection } from 'node:net';
import { createInterface } from 'node:readline';

/** Gives qemu one command and waits until it is done (QEMU Machine Protocol). @throws Error where qemu refuses it */
export async function qmp(socketPath: string, command: string): Promise<void> {
  const socket = createConnection(socketPath);
  try {
    await once(socket, 'connect');
    const lines = createInterface({ input: socket })[Symbol.asyncIterator]();
    for (const execute of ['qmp_capabilities', command]) {
      socket.write(`${JSON.stringify({ execute })}\n`);
      await answer(lines, execute);
    }
  } finally {
    socket.destroy();
  }
}

/** Greeting and events come on the same line of communication. */
async function answer(lines: AsyncIterator<string>, execute: string): Promise<void> {
  for (;;) {
    const next = await lines.next();
    if (next.done === true) throw new Error(`qemu did not answer ${execute}`);
    const message = JSON.parse(next.value) as { readonly return?: unknown; readonly error?: { readonly desc: string } };
    if (message.error !== undefined) throw new Error(`qemu refused ${execute}: ${message.error.desc}`);
    if (message.return !== undefined) return;
  }
}
