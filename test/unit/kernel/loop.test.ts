import { setImmediate as turnOfTheLoop } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import { delay, never } from '../../../src/kernel/abort.ts';
import { Loop } from '../../../src/kernel/loop.ts';
import { eventually } from '../../support/poll.ts';

const noError = (error: unknown): never => {
  throw error;
};

/** One that turns when it is woken. */
function counting(): { readonly loop: Loop; readonly turns: () => number } {
  let turns = 0;
  const turn = async (): Promise<void> => {
    turns += 1;
  };
  return { loop: new Loop({ turn, pauseMs: () => 60_000, onError: noError }), turns: () => turns };
}

test('a loop turns at once, and again when its pause is cut short', async () => {
  const { loop, turns } = counting();
  loop.start();
  await eventually(() => turns() === 1);
  loop.wake();
  await eventually(() => turns() === 2);
  await loop.stop();
  expect(turns()).toBe(2);
});

test('a turn that throws is reported, and the loop goes on', async () => {
  const errors: unknown[] = [];
  let turns = 0;
  const loop = new Loop({
    turn: async () => {
      turns += 1;
      if (turns === 1) throw new Error('not this time');
    },
    pauseMs: () => 1,
    onError: (error) => errors.push(error),
  });
  loop.start();
  await eventually(() => turns > 1);
  await loop.stop();
  expect(errors).toEqual([new Error('not this time')]);
});

test('stop aborts the turn under way and waits for its end', async () => {
  let ended = false;
  const loop = new Loop({
    turn: async (signal) => {
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
      await turnOfTheLoop();
      ended = true;
    },
    pauseMs: () => 1,
    onError: noError,
  });
  loop.start();
  await turnOfTheLoop();
  await loop.stop();
  expect(ended).toBe(true);
});

test('a turn that does not end is left behind when the stop is forced', async () => {
  const loop = new Loop({ turn: () => new Promise(() => undefined), pauseMs: () => 1, onError: noError });
  loop.start();
  await turnOfTheLoop();
  await loop.stop(AbortSignal.timeout(1));
  expect(never.aborted).toBe(false);
});

test('pauses leave nothing behind: a service has many loops and runs for years', async () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const { loop, turns } = counting();
  const turnTimes = async (times: number): Promise<number> => {
    const until = turns() + times;
    while (turns() < until) {
      loop.wake();
      await turnOfTheLoop();
    }
    for (let i = 0; i < 3; i += 1) {
      await turnOfTheLoop();
      collect();
    }
    return process.memoryUsage().heapUsed;
  };
  loop.start();
  const before = await turnTimes(2_000);
  const after = await turnTimes(15_000);
  await loop.stop();
  expect((after - before) / 15_000).toBeLessThan(20);
});

test('a turn may wait with its signal for any number of things at once: node takes none of them for a leak', async () => {
  const warnings: Error[] = [];
  const onWarning = (warning: Error): void => void warnings.push(warning);
  process.on('warning', onWarning);
  let turns = 0;
  const turn = async (signal: AbortSignal): Promise<void> => {
    await Promise.all(Array.from({ length: 20 }, () => delay(1, signal)));
    turns += 1;
  };
  const loop = new Loop({ turn, pauseMs: () => 60_000, onError: noError });
  loop.start();
  await eventually(() => turns === 1);
  await loop.stop();
  await turnOfTheLoop();
  process.off('warning', onWarning);
  expect(warnings).toEqual([]);
});
