import type { Command } from 'commander';
import { loadConfig, type Config } from '../config/load.ts';
import type { GivenSource } from '../config/sources.ts';

/**
 * Adds `--config-file` and `--config-dir` to a command; the function that is returned has them in the order in which
 * they were given, because later ones win.
 */
export function addConfigOptions(command: Command): () => readonly GivenSource[] {
  const given: GivenSource[] = [];
  const take =
    (kind: GivenSource['kind']) =>
    (path: string): string => {
      given.push({ kind, path });
      return path;
    };
  command.option(
    '--config-file <file>',
    'a configuration file; may be given several times, later ones win',
    take('file'),
  );
  command.option('--config-dir <folder>', 'every *.conf in it, sorted by name', take('dir'));
  return () => given;
}

/** The configuration that the options of `addConfigOptions` name. */
export function configOf(given: readonly GivenSource[]): Promise<Config> {
  return loadConfig({ given });
}
