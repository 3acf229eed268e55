import type { Binding, Session } from './session.ts';

interface Statement {
  readonly sql: string;
  readonly bindings: readonly Binding[];
}

/**
 * Runs changes of different rows that belong together, all or none; answers with the last one's count. On PostgreSQL one
 * statement: each but the last is a part of its `with`.
 */
export async function together(session: Session, changes: readonly Statement[]): Promise<number> {
  if (session.dialect.name === 'mariadb') return inTurn(session, changes);
  const parts = changes.slice(0, -1).map(({ sql }, at) => `part_${at} as (${sql})`);
  const last = changes.at(-1)?.sql ?? '';
  const bindings = changes.flatMap((change) => change.bindings);
  const { count } = await session.write(`with ${parts.join(', ')} ${last}`, bindings);
  return count;
}

const inTurn = (session: Session, changes: readonly Statement[]): Promise<number> =>
  session.atomically(async (tx) => {
    let last = 0;
    for (const { sql, bindings } of changes) last = (await tx.write(sql, bindings)).count;
    return last;
  });
