import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ConfigError } from '../../../src/config/fault.ts';
import { loadConfig } from '../../../src/config/load.ts';
import { facts } from './helpers.ts';

describe('loadConfig', () => {
  let home: string;
  beforeEach(async () => (home = await mkdtemp(join(tmpdir(), 'conf-'))));
  afterEach(() => rm(home, { recursive: true }));

  const put = async (path: string, text: string): Promise<string> => {
    const file = join(home, path);
    await mkdir(join(file, '..'), { recursive: true });
    await writeFile(file, text);
    return file;
  };
  const load = (given: readonly { kind: 'file' | 'dir'; path: string }[]) =>
    loadConfig({ given, environment: {}, facts, folders: [join(home, 'one'), join(home, 'two')] });

  it('reads files and folders in the order given, a folder sorted by name', async () => {
    const main = await put('main.conf', '[DEFAULT]\nhost = main\ncluster = c\nmy_ip = 1\n');
    await put('d/20.conf', '[DEFAULT]\nhost = d20\n');
    await put('d/10.conf', '[DEFAULT]\nhost = d10\nmy_ip = 2\n');
    await put('d/30.conf~', 'not read');
    await put('d/.hidden.conf', 'not read');
    const config = await load([
      { kind: 'file', path: main },
      { kind: 'dir', path: join(home, 'd') },
    ]);
    expect(config.settings.service).toMatchObject({ host: 'd20', cluster: 'c', myIp: '2' });
    expect(config.files.map((file) => file.slice(home.length))).toEqual(['/main.conf', '/d/10.conf', '/d/20.conf']);
  });

  it('without any given looks where oslo.config looks, and says so if there is nothing', async () => {
    expect((await load([])).files).toEqual([]);
    await put('two/cinder.conf', '[DEFAULT]\nhost = two\n');
    await put('two/cinder-volume.conf', '[DEFAULT]\ncluster = c\n');
    await put('one/cinder.conf.d/a.conf', '[DEFAULT]\nhost = d\n');
    expect((await load([])).settings.service).toMatchObject({ host: 'd', cluster: 'c' });
    await put('one/cinder.conf', '[DEFAULT]\nmy_ip = 1\n');
    expect((await load([])).files.map((file) => file.slice(home.length))).toEqual([
      '/one/cinder.conf',
      '/two/cinder-volume.conf',
      '/one/cinder.conf.d/a.conf',
    ]);
  });

  it('counts a given file above the folders found', async () => {
    await put('one/cinder.conf', '[DEFAULT]\nhost = not read\n');
    await put('one/cinder.conf.d/a.conf', '[DEFAULT]\nhost = found\nmy_ip = 3\n');
    const main = await put('main.conf', '[DEFAULT]\nhost = given\n');
    expect((await load([{ kind: 'file', path: main }])).settings.service).toMatchObject({ host: 'given', myIp: '3' });
  });

  it('reports what cannot be read together with all else', async () => {
    const latin = await put('latin.conf', '');
    await writeFile(latin, Buffer.from([0x5b, 0xe4, 0x5d]));
    const bad = await put('bad.conf', '[DEFAULT]\ndebug = perhaps\n');
    const given = [join(home, 'no.conf'), latin, bad].map((path) => ({ kind: 'file' as const, path }));
    const error: unknown = await load([...given, { kind: 'dir', path: join(home, 'no.d') }]).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(ConfigError);
    for (const part of ['no.conf', 'latin.conf: is not UTF-8', 'bad.conf:2', 'no.d'])
      expect(String(error)).toContain(part);
  });

  it.skipIf(process.getuid?.() === 0)('tells of a file that it may not read', async () => {
    const file = await put('locked.conf', '');
    await chmod(file, 0);
    await expect(load([{ kind: 'file', path: file }])).rejects.toThrow('service user');
  });
});
