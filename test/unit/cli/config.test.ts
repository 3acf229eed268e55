import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { checkConfig } from '../../../src/cli/config-check.ts';
import { logOptions } from '../../../src/cli/config-log.ts';
import { showConfig, showConfigJson } from '../../../src/cli/config-show.ts';
import { configOf, facts } from '../config/helpers.ts';

const secretive =
  '[DEFAULT]\ntransport_url = rabbit://u:hunter2@h1,v:swordfish@h2/\n[database]\nconnection = mysql+pymysql://c:p@ss/w@db/cinder\n' +
  '[coordination]\nbackend_url = redis://:topsecret@h:26379\n';

describe('config show', () => {
  it('shows what is set, by section, with its place; or everything', () => {
    const config = configOf('[DEFAULT]\nhost = a\n[database]\nmax_pool_size = 9\n', {
      environment: { OS_DEFAULT__DEBUG: '1' },
    });
    const text = showConfig(config, { all: false });
    expect(text).toBe(
      '# files: /a.conf\n\n[DEFAULT]\nhost = a  # /a.conf:2\ndebug = 1  # environment OS_DEFAULT__DEBUG\n\n[database]\nmax_pool_size = 9  # /a.conf:4\n',
    );
    expect(showConfig(config, { all: true })).toContain('report_interval = 10  # default\n');
    expect(showConfigJson(config)).toMatchObject({ database: { max_pool_size: { value: '9', from: '/a.conf:4' } } });
  });

  it('shows no secret, but where a URL leads', () => {
    const config = configOf(secretive);
    for (const text of [showConfig(config, { all: true }), JSON.stringify(showConfigJson(config))]) {
      expect(text).not.toMatch(/hunter2|swordfish|p@ss|topsecret/);
      expect(text).toContain('rabbit://u:***@h1,v:***@h2/');
      expect(text).toContain('redis://:***@h:26379');
    }
  });
});

describe('config check', () => {
  let folder: string;
  beforeEach(async () => (folder = await mkdtemp(join(tmpdir(), 'check-'))));
  afterEach(() => rm(folder, { recursive: true }));

  const check = async (text: string, verbose = false) => {
    const path = join(folder, 'x.conf');
    await writeFile(path, text);
    return checkConfig({ given: [{ kind: 'file', path }], environment: {}, facts, folders: [], verbose });
  };
  const good = '[DEFAULT]\nenabled_backends = n\nauth_strategy = x\n[n]\nvolume_driver = d\n';

  it('says 0 for a good file, 3 for an odd one, 1 for a bad one', async () => {
    expect((await check(good)).exitCode).toBe(0);
    expect(await check(`${good}typo = 1\n`)).toMatchObject({
      exitCode: 3,
      lines: [expect.stringMatching(/^warning: .*x\.conf:6/), '1 warning(s)'],
    });
    expect(await check('[DEFAULT]\ndebug = x\nhost = a@b\n')).toMatchObject({
      exitCode: 1,
      lines: [expect.stringMatching(/^error: .*:3/), expect.stringMatching(/^error: .*:2/)],
    });
  });

  it('warns of nothing to serve, and tells what is needless on request', async () => {
    expect((await check('')).lines[0]).toContain('enabled_backends is empty');
    expect((await check(good, true)).lines[0]).toMatch(/^note: .*auth_strategy read by cinder-api only/);
  });

  it('warns if there is no file at all', async () => {
    const { lines } = await checkConfig({ given: [], environment: {}, facts, folders: [] });
    expect(lines[0]).toContain('no configuration file');
  });
});

it('the log gets its form, its place and all secrets from the configuration', () => {
  const config = configOf(`${secretive}[cinder_volume_aa]\nlog_format = json\n`, {
    flags: [{ name: 'log_file', value: '/tmp/x.log', flag: '--log-file' }],
  });
  expect(logOptions(config)).toMatchObject({ format: 'json', destinations: [{ file: '/tmp/x.log' }], debug: false });
  expect(logOptions(config).secrets).toHaveLength(3);
  expect(logOptions(configOf('')).format).toBe('oslo');
});
