// Runs vitest once more as a user that is not root, for the files that are marked for it by their names.
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  copyFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** The user and group: kolla's `cinder`, which need not be in /etc/passwd. */
const uid = 42407;

/**
 * `NAME.user.test.ts` runs with no privileges at all, `NAME.user-caps.test.ts` with the capabilities that the systemd
 * unit gives. Both also run in the ordinary pass, as whoever started it.
 */
export const userPasses = [
  { mark: 'user', capabilities: [] },
  { mark: 'user-caps', capabilities: ['chown', 'dac_override', 'fowner'] },
];

/** Whether there are test files with this mark. */
export function hasFiles(root, mark) {
  return readdirSync(join(root, 'test'), { recursive: true }).some((file) => file.endsWith(`.${mark}.test.ts`));
}

/**
 * Hands `work` a folder of the user's own and a function that runs `argv` as that user and returns its exit status;
 * returns what `work` returns. The umask is 077 (test/support/set-up.ts sets it: there is no shell in between). In the
 * environment:
 *
 * - TMPDIR: the folder;
 * - TEST_ROOT_SHARE: a folder that belongs to root, mode 0755, with `owned-by-root` (0644, one byte) in it;
 * - TEST_UMASK: 077.
 */
export function runAsUser(root, { capabilities, env }, work) {
  const folder = mkdtempSync(join(tmpdir(), 'cinder-volume-aa-user-'));
  const share = join(folder, 'share');
  const own = join(folder, 'own');
  const environment = { ...process.env, ...env, HOME: own, TMPDIR: own, TEST_ROOT_SHARE: share, TEST_UMASK: '077' };
  const become = [`--reuid=${uid}`, `--regid=${uid}`, '--clear-groups', ...grant(capabilities), '--'];
  try {
    chmodSync(folder, 0o755);
    mkdirSync(share);
    chmodSync(share, 0o755);
    writeFileSync(join(share, 'owned-by-root'), 'x');
    chmodSync(join(share, 'owned-by-root'), 0o644);
    mkdirSync(own, { mode: 0o700 });
    chownSync(own, uid, uid);
    return work(own, (argv) => {
      const how = { cwd: root, stdio: ['ignore', 'inherit', 'inherit'], env: environment };
      return spawnSync('setpriv', [...become, ...argv], how).status ?? 1;
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function grant(capabilities) {
  if (capabilities.length === 0) return [];
  const list = capabilities.map((name) => `+${name}`).join(',');
  return [`--inh-caps=${list}`, `--ambient-caps=${list}`];
}

/** What a run of the tests does not need, and what would be large. */
const leftBehind = ['.git', 'dist-bare', 'dist-bench', 'dist-chaos'];

/**
 * Hands `work` a checkout and a node that the user can read, and returns what it returns: the given ones, or copies of
 * them where only root may enter their folder, as below /root.
 */
export function readableByUser(root, work) {
  if (userCanRead(root)) return work({ root, node: process.execPath });
  const copy = mkdtempSync(join(tmpdir(), 'cinder-volume-aa-readable-'));
  const node = join(copy, 'node');
  const checkout = join(copy, 'checkout');
  try {
    console.log(`only root may read ${root} or run ${process.execPath}: copying them to ${copy}`);
    copyFileSync(process.execPath, node);
    for (const entry of readdirSync(root).filter((name) => !leftBehind.includes(name)))
      cpSync(join(root, entry), join(checkout, entry), { recursive: true, verbatimSymlinks: true });
    spawnSync('chmod', ['-R', 'a+rX', copy], { stdio: 'inherit' });
    return work({ root: checkout, node });
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}

/** Whether the user can read the checkout and run this node. */
function userCanRead(root) {
  const become = [`--reuid=${uid}`, `--regid=${uid}`, '--clear-groups', '--'];
  const probe = ['-e', 'require("node:fs").readdirSync(process.argv[1])', root];
  return spawnSync('setpriv', [...become, process.execPath, ...probe], { cwd: '/', stdio: 'ignore' }).status === 0;
}
