import { afterAll, beforeAll, beforeEach } from 'vitest';
import { startFixture, type Engine, type Fixture } from './fixture.ts';

/** A database for the tests that are declared beside the call, started before the first; each finds `tables` empty. */
export function useFixture(engine: Engine, ...tables: readonly string[]): Omit<Fixture, 'url' | 'empty' | 'close'> {
  let started: Fixture | undefined;
  beforeAll(async () => {
    started = await startFixture(engine);
  });
  beforeEach(async () => {
    if (tables.length > 0) await running().empty(...tables);
  });
  afterAll(() => started?.close());

  function running(): Fixture {
    if (started === undefined) throw new Error('the fixture is for use in tests: nothing runs while they are declared');
    return started;
  }
  return {
    engine,
    get db() {
      return running().db;
    },
    open: (options) => running().open(options),
    sql: (text, values) => running().sql(text, values),
    backdate: (table, column, seconds, where) => running().backdate(table, column, seconds, where),
    disconnectOthers: () => running().disconnectOthers(),
  };
}
