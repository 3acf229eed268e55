import { randomUUID } from 'node:crypto';
import { askPython } from '../../app/member-parts.ts';
import type { Config } from '../../config/load.ts';
import type { Coordinator } from '../../coordination/coordinator.ts';
import { lookForPython, type PythonMeeting } from '../../coordination/python-look.ts';
import { apartText } from '../../coordination/python-peers.ts';
import { messageOf } from '../../kernel/errors.ts';
import { identityOf } from '../../service/identity.ts';
import type { CommandIo } from '../command-io.ts';
import { openCaller } from '../drive/open-caller.ts';
import type { Finding, Report } from './finding.ts';

/** So many may read one queue, ours and Python's; of more of them some would not be asked. */
const readers = 6;

/** The option's default, which names no server. */
const unsetUrl = 'rabbit://';

/** Whether Python's services on the queues of the configured backends wait for our locks. */
export async function reportPython(
  { config, io, report }: { readonly config: Config; readonly io: CommandIo; readonly report: Report },
  coordinator: Coordinator,
): Promise<void> {
  if (config.settings.service.transportUrl === unsetUrl) {
    report({ level: 'note', about: 'python', text: 'transport_url is not set: no queue can be asked' });
    return;
  }
  let caller: Awaited<ReturnType<typeof openCaller>>;
  try {
    caller = await openCaller(config, io.signal);
  } catch (error) {
    io.signal.throwIfAborted();
    report({ level: 'note', about: 'python', text: `the queues cannot be reached: ${messageOf(error)}` });
    return;
  }
  try {
    for (const name of config.backends) {
      const { host } = identityOf(name, config.settings.service, config.backend(name));
      const probeId = randomUUID();
      const options = { coordinator, probeId, ask: askPython(caller.rpc, probeId), signal: io.signal };
      report(findingOf(host, await lookForPython(host, readers, options)));
    }
  } finally {
    await caller.close();
  }
}

function findingOf(backend: string, meeting: PythonMeeting): Finding {
  const texts: Readonly<Record<PythonMeeting, string>> = {
    none: `none on the queue of ${backend}`,
    meets: `a service on the queue of ${backend} waits for our locks`,
    apart: apartText(backend),
    unsure: `not known for the queue of ${backend}: nobody reads it, or not everybody answered`,
  };
  const level = meeting === 'apart' ? 'problem' : meeting === 'unsure' ? 'note' : 'ok';
  return { level, about: 'python', text: texts[meeting] };
}
