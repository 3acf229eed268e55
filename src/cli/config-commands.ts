import type { Command } from 'commander';
import type { CommandIo, Finish } from './command-io.ts';
import { checkConfig } from './config-check.ts';
import { addConfigOptions, configOf } from './config-option.ts';
import { showConfig, showConfigJson } from './config-show.ts';

/** `config show | check` */
export function addConfigCommands(program: Command, io: CommandIo, finish: Finish): void {
  const config = program.command('config').description('what the configuration says');

  const show = config.command('show').description('the options in effect, and where each was set; secrets are hidden');
  const givenToShow = addConfigOptions(show);
  show.option('--all', 'defaults as well').option('--json', 'as one JSON object');
  show.action(async ({ all = false, json = false }: { all?: boolean; json?: boolean }) => {
    const loaded = await configOf(givenToShow());
    io.print(json ? JSON.stringify(showConfigJson(loaded), null, 2) : showConfig(loaded, { all }));
  });

  const check = config.command('check').description('everything that is wrong or odd: exit code 1 or 3, or 0');
  const givenToCheck = addConfigOptions(check);
  check.option('--verbose', "also upstream's options that are needless here");
  check.action(async ({ verbose = false }: { verbose?: boolean }) => {
    const { lines, exitCode } = await checkConfig({ given: givenToCheck(), verbose });
    for (const line of lines) io.print(line);
    finish(exitCode);
  });
}
