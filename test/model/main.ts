import { parseArgs } from 'node:util';
import { oneOf, wholeNumber } from '../support/command-options.ts';
import { explore, type Bounds, type Exploration } from './explore.ts';
import { mistakes } from './mistakes.ts';
import { worlds, type World, type WorldName } from './worlds.ts';

/* npm run model -- [--world NAME] [--kill N] [--freeze N] [--lost N] [--late N] …: see docs/protocol.md. */

const { values } = parseArgs({
  options: {
    world: { type: 'string' },
    replicas: { type: 'string', default: '2' },
    kill: { type: 'string', default: '1' },
    freeze: { type: 'string', default: '0' },
    lost: { type: 'string', default: '0' },
    late: { type: 'string', default: '0' },
    duplicate: { type: 'string', default: '0' },
    depth: { type: 'string' },
    states: { type: 'string', default: '1000000' },
    mistake: { type: 'string' },
  },
});

const some = { min: 0, max: 99_999_999 };

function boundsOf(): Bounds {
  const { kill, freeze, lost, late, duplicate, replicas, depth, states, mistake } = values;
  return {
    budget: {
      kill: wholeNumber('--kill', kill, some),
      freeze: wholeNumber('--freeze', freeze, some),
      lostAnswer: wholeNumber('--lost', lost, some),
      late: wholeNumber('--late', late, some),
      duplicate: wholeNumber('--duplicate', duplicate, some),
    },
    replicas: wholeNumber('--replicas', replicas, some),
    states: wholeNumber('--states', states, some),
    ...(depth === undefined ? {} : { depth: wholeNumber('--depth', depth, some) }),
    ...(mistake === undefined ? {} : { mistake: oneOf('--mistake', mistake, mistakes) }),
  };
}

function tell(
  name: string,
  { states, transitions, pasts, depth, isComplete, finding }: Exploration,
  tookMs: number,
): void {
  const all = isComplete ? 'all there are' : 'not all';
  console.log(
    `${name}: ${states} states (${all}), ${transitions} transitions, ${depth} moves deep, ` +
      `${pasts} pasts of the code, ${(tookMs / 1000).toFixed(1)} s: ${finding?.problem ?? 'nothing wrong'}`,
  );
  for (const move of finding?.trace ?? []) console.log(`    ${move}`);
  if (finding !== undefined) process.exitCode = 1;
}

const bounds = boundsOf();
const known = Object.keys(worlds) as readonly WorldName[];
for (const name of values.world === undefined ? known : [oneOf('--world', values.world, known)]) {
  const since = performance.now();
  const world: World = worlds[name];
  tell(name, await explore(world, bounds), performance.now() - since);
}
