import type { Command } from 'commander';
import type { CommandIo, Finish } from './command-io.ts';
import { addConfigOptions, configOf } from './config-option.ts';
import { checkDatabaseOf, syncDatabaseOf } from './drive/open-rows.ts';

/** `db sync | check` */
export function addDbCommands(program: Command, io: CommandIo, finish: Finish): void {
  const db = program.command('db').description("the database's tables");

  const sync = db.command('sync').description("make Cinder's tables where there are none, and our own");
  const givenToSync = addConfigOptions(sync);
  sync.action(async () => {
    const { upstreamOwned, applied } = await syncDatabaseOf(await configOf(givenToSync()));
    if (upstreamOwned) io.print("Cinder's tables belong to upstream's migrations and were left alone.");
    io.print(applied.length === 0 ? 'nothing to do' : `done: ${applied.join(', ')}`);
  });

  const check = db.command('check').description('what is missing: exit code 3, or 0; changes nothing');
  const givenToCheck = addConfigOptions(check);
  check.action(async () => {
    const { upstreamOwned, problems } = await checkDatabaseOf(await configOf(givenToCheck()));
    for (const problem of problems) io.print(problem);
    if (problems.length > 0) return finish(3);
    io.print(upstreamOwned ? "ok: Cinder's tables are upstream's, ours are beside them" : 'ok');
  });
}
