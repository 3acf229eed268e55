import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { expect, test } from 'vitest';
import { boundProgram } from '../../../src/kernel/bound-program.ts';
import { eventually } from '../../support/poll.ts';

const run = ([program, ...rest]: readonly [string, ...string[]]) => spawnSync(program, rest, { encoding: 'utf8' });

test('a program runs with its arguments as they stand, and its exit code is told', () => {
  const words = ['$HOME; exit 3', '"', '*', ''];
  expect(run(boundProgram(['printf', '<%s>', ...words])).stdout).toBe(words.map((word) => `<${word}>`).join(''));
  expect(run(boundProgram(['sh', '-c', 'exit 3'])).status).toBe(3);
  expect(run(boundProgram(['no-such-program'])).status).toBe(127);
});

test('a program does not start once the process that wanted it has ended', () => {
  // Whose child it would be instead: in the few milliseconds that this takes nobody can be made to die in time.
  const { status, stdout } = run(boundProgram(['echo', 'started'], process.ppid));
  expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
});

test('a program is killed with the process that started it', async () => {
  // It puts its own process id in the place of the parent's.
  const argv = boundProgram(['sleep', '1000'], Number.NaN);
  const script = `
    const [program, ...rest] = JSON.parse(process.argv[1]).map((word) => word.replace('NaN', process.pid));
    console.log(require('node:child_process').spawn(program, rest).pid);`;
  const parent = spawn(process.execPath, ['--eval', script, JSON.stringify(argv)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = (await once(createInterface({ input: parent.stdout }), 'line')) as [string];
  const pid = Number(line);
  await eventually(() => process.kill(pid, 0));
  parent.kill('SIGKILL');
  await eventually(() => {
    expect(() => process.kill(pid, 0)).toThrow('ESRCH');
    return true;
  });
});
