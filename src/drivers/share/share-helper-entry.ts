import { parseArgs } from 'node:util';
import { BootClock } from '../../native/boot-clock.ts';
import { ShareHelper } from './share-helper.ts';
import type { FromHelper, ToHelper } from './share-protocol.ts';
import { onWholeLine } from './whole-lines.ts';

/*
 * The process that makes all system calls on a backend's shares, and starts the programs that work there. A hung file
 * server hangs it, not the service; the service kills it then and starts another. When the service is gone (end of
 * input) it kills its children and then itself: an ordinary exit would wait for a thread that hangs in a system call.
 */

const { values } = parseArgs({
  options: { base: { type: 'string' }, folder: { type: 'string', multiple: true, default: [] } },
});

const send = (message: FromHelper): void => void process.stdout.write(`${JSON.stringify(message)}\n`);

const helper = new ShareHelper({ base: values.base ?? null, folders: values.folder }, new BootClock(), send);

function die(): void {
  helper.killChildren();
  process.kill(process.pid, 'SIGKILL');
}

// The service decides when its helper ends: a terminal's Ctrl-C or a unit's SIGTERM or SIGHUP goes to both.
process.on('SIGINT', () => undefined);
process.on('SIGTERM', () => undefined);
process.on('SIGHUP', () => undefined);
process.stdout.on('error', die);
process.stdin.on('end', die);
onWholeLine(process.stdin, (line) => helper.receive(JSON.parse(line) as ToHelper));
send({ event: 'ready', pid: process.pid });
