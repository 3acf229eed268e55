/*
 * The guest's first process after /init: starts programs for the host. Each connection is one program: its first line
 * is JSON, `{ argv, env }`; all further bytes are the program's standard input, what comes back is its standard output.
 * The program ends with the connection (SIGKILL), and the connection with the program.
 */
import { spawn } from 'node:child_process';
import { createServer } from 'node:net';

const [port] = process.argv.slice(2);

function start(socket, line) {
  const { argv, env } = JSON.parse(line);
  const [program, ...args] = argv;
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'], env: { ...process.env, ...env } });
  child.on('error', (error) => socket.destroy(error));
  child.stdin.on('error', () => undefined);
  socket.pipe(child.stdin);
  child.stdout.pipe(socket);
  socket.on('close', () => child.kill('SIGKILL'));
}

createServer((socket) => {
  let head = Buffer.alloc(0);
  socket.on('error', () => undefined);
  socket.on('data', function first(data) {
    head = Buffer.concat([head, data]);
    const end = head.indexOf('\n');
    if (end < 0) return;
    socket.off('data', first);
    socket.pause();
    socket.unshift(head.subarray(end + 1));
    start(socket, head.subarray(0, end).toString());
  });
}).listen(Number(port));
