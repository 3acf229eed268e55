import { describe, expect, it } from 'vitest';
import { parseOptions, replayCommand } from '../../chaos/options.ts';
import { Random } from '../../chaos/random.ts';

describe("the laboratory's options", () => {
  it('are told again by the command that replays a run', () => {
    const options = parseOptions(['--seed', '7', '--faults', 'kill,lock-service', '--seconds', '30']);
    expect(options).toMatchObject({ seed: 7, faults: ['kill', 'lock-service'], locks: 'redis', seconds: 30 });
    const words = replayCommand(options).replace('npm run chaos -- ', '').split(' ');
    expect(parseOptions(words)).toEqual(options);
  });

  it.each(['file', 'redis', 'zookeeper', 'etcd'])('take locks from %s', (locks) => {
    expect(parseOptions(['--locks', locks])).toMatchObject({ locks });
  });

  it.each([
    ['--seconds', '0'],
    ['--seed', 'x'],
    ['--faults', 'kill,flood'],
    ['--locks', 'paper'],
  ])('refuse %s %s', (option, value) => {
    const parse = (): unknown => parseOptions([option, value]);
    expect(parse).toThrow(option);
  });
});

describe('chance', () => {
  it('is the same for the same seed, and another for another', () => {
    const draw = (seed: number): readonly number[] => {
      const random = new Random(seed);
      return Array.from({ length: 20 }, () => random.between(0, 9));
    };
    expect(draw(3)).toEqual(draw(3));
    expect(draw(3)).not.toEqual(draw(4));
    expect(new Set(draw(3)).size).toBeGreaterThan(3);
    expect(new Random(1).pick<number>([])).toBeUndefined();
  });
});
