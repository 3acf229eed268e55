import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterEach, describe, expect, it } from 'vitest';
import { AnswerWatch } from '../../../src/coordination/drivers/redis-answer-watch.ts';
import { eventually } from '../../support/poll.ts';

describe('the watch over answers', () => {
  let silences = 0;
  let watch: AnswerWatch | undefined;
  const watching = (ms: number): AnswerWatch => (watch = new AnswerWatch(ms, () => (silences += 1)));
  afterEach(() => {
    watch?.stop();
    silences = 0;
  });

  it('tells of a call that is not answered in time, and of none that is', async () => {
    const one = watching(60);
    one.asked();
    one.answered();
    const sinceMs = performance.now();
    one.asked();
    await eventually(() => silences === 1);
    expect(performance.now() - sinceMs).toBeGreaterThanOrEqual(59);
    one.answered();
    one.asked();
    await eventually(() => silences === 2);
  });

  it('counts from the last answer: a server that is busy with many calls is not silent', async () => {
    const one = watching(200);
    for (let call = 0; call < 10; call += 1) one.asked();
    for (let call = 0; call < 10; call += 1) {
      await new Promise((resolve) => setTimeout(resolve, 60));
      one.answered();
    }
    expect(silences).toBe(0);
  });

  it('reads an answer that came while the main loop was busy before it speaks of silence', async () => {
    const echo = spawn('cat', { stdio: ['pipe', 'pipe', 'inherit'] });
    await once(echo, 'spawn');
    const one = watching(50);
    const answer = once(echo.stdout, 'data').then(() => one.answered());
    one.asked();
    echo.stdin.write('x');
    const untilMs = performance.now() + 1000;
    while (performance.now() < untilMs);
    await answer;
    echo.kill();
    expect(silences).toBe(0);
  });
});
