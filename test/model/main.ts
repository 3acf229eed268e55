import { parseArgs } from 'node:util';
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

function whole(name: string, text: string): number {
  if (/^\d{1,8}$/.test(text)) return Number(text);
  throw new Error(`--${name} must be a whole number, not "${text}"`);
}

function oneOf<T extends string>(name: string, text: string, known: readonly T[]): T {
  const found = known.find((one) => one === text);
  if (found !== undefined) return found;
  throw new Error(`--${name} must be one of: ${known.join('; ')}`);
}

function boundsOf(): Bounds {
  const { kill, freeze, lost, late, duplicate, replicas, depth, states, mistake } = values;
  return {
    budget: {
      kill: whole('kill', kill),
      freeze: whole('freeze', freeze),
      lostAnswer: whole('lost', lost),
      late: whole('late', late),
      duplicate: whole('duplicate', duplicate),
    },
    replicas: whole('replicas', replicas),
    states: whole('states', states),
    ...(depth === undefined ? {} : { depth: whole('depth', depth) }),
    ...(mistake === undefined ? {} : { mistake: oneOf('mistake', mistake, mistakes) }),
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
for (const name of values.world === undefined ? known : [oneOf('world', values.world, known)]) {
  const since = performance.now();
  const world: World = worlds[name];
  tell(name, await explore(world, bounds), performance.now() - since);
}
