import { ClaimLostError, DatabaseError } from '../../../src/db/database.ts';
import type { Claim, CustodyRepositories, JournalEntry } from '../../../src/db/ports/custody.ts';
import type { JsonObject } from '../../../src/domain/json.ts';
import type { Row, Run, Tables } from './server.ts';

export function custody(run: Run): CustodyRepositories {
  return { journal: journal(run), fence: fence(run), outbox: outbox(run), incarnations: incarnations(run) };
}

function journal(run: Run): CustodyRepositories['journal'] {
  return {
    receive: (entries, owner) =>
      run('journal.receive', (tables, server) => {
        server.inserts.push(entries.length);
        const known = new Set([...tables.entries.values()].map(({ uniqueId }) => uniqueId));
        return entries.flatMap((entry) => {
          if (known.has(entry.uniqueId)) return [];
          known.add(entry.uniqueId);
          const id = String(tables.nextId++);
          const receivedAt = new Date().toISOString();
          const row: Row = { ...entry, id, owner, claim: 0, notes: {}, receivedAt, outcome: null, detail: null };
          tables.entries.set(id, row);
          return [asEntry(row)];
        });
      }),
    claim: (entryId, owner, lockNames, worker) =>
      run('journal.claim', (tables) => {
        const row = tables.entries.get(entryId);
        if (row?.outcome !== null) return null;
        row.claim += 1;
        row.owner = owner;
        if (worker !== undefined) tables.workers.set(worker.resourceId, worker.status);
        return { entryId, number: row.claim, tokens: mint(tables, lockNames), notes: row.notes };
      }),
    note: (claim, notes) =>
      run('journal.note', (tables) => {
        const row = ours(tables, claim);
        row.notes = { ...row.notes, ...notes } satisfies JsonObject;
      }),
    finish: (claim, outcome, detail, worked) =>
      run('journal.finish', (tables) => {
        const row = ours(tables, claim);
        checkTokens(tables, claim.tokens);
        row.outcome = outcome;
        row.detail = detail;
        if (worked !== undefined) tables.workers.delete(worked.resourceId);
      }),
    refuse: (entryId, detail) =>
      run('journal.refuse', (tables) => {
        const row = tables.entries.get(entryId);
        if (row?.claim !== 0 || row.outcome !== null) return;
        row.outcome = 'refused';
        row.detail = detail;
      }),
    giveBack: (owner, entryId) =>
      run('journal.giveBack', (tables) => {
        const rows = [...tables.entries.values()].filter(
          (row) => row.owner === owner && row.outcome === null && (entryId ?? row.id) === row.id,
        );
        for (const row of rows) row.owner = null;
        return rows.length;
      }),
    adopt: (owner, backends, silentMs, limit) =>
      run('journal.adopt', (tables) => {
        const rows = [...tables.entries.values()]
          .filter((row) => row.outcome === null && backends.includes(row.backend))
          .filter((row) => row.owner === null || isSilent(tables, row.owner, silentMs))
          .slice(0, limit);
        for (const row of rows) row.owner = owner;
        return rows.map(asEntry);
      }),
    endOf: (uniqueId) =>
      run('journal.endOf', (tables) => {
        const row = [...tables.entries.values()].find((entry) => entry.uniqueId === uniqueId);
        return row === undefined ? null : { outcome: row.outcome, detail: row.detail };
      }),
    outcomeOf: (entryId) =>
      run('journal.outcomeOf', (tables) => {
        const row = tables.entries.get(entryId);
        return row === undefined ? null : { outcome: row.outcome, claim: row.claim };
      }),
    unfinished: (backends, limit) =>
      run('journal.unfinished', (tables) =>
        [...tables.entries.values()]
          .filter((row) => row.outcome === null && backends.includes(row.backend))
          .slice(0, limit)
          .map(asEntry),
      ),
    purge: () => run('journal.purge', () => 0),
  };
}

function fence(run: Run): CustodyRepositories['fence'] {
  return {
    mint: (lockNames) => run('fence.mint', (tables) => mint(tables, lockNames)),
    check: (tokens, claim) =>
      run('fence.check', (tables) => {
        if (claim !== undefined) ours(tables, claim);
        checkTokens(tables, tokens);
      }),
    newest: (lockNames) =>
      run('fence.newest', (tables) => new Map([...tables.tokens].filter(([name]) => lockNames.includes(name)))),
    purge: () => run('fence.purge', () => 0),
  };
}

function outbox(run: Run): CustodyRepositories['outbox'] {
  return {
    add: (messages, owner) =>
      run('outbox.add', (tables) => {
        for (const message of messages) tables.outbox.set(message.uniqueId, { message, owner });
      }),
    pending: (owner, silentMs, limit, kinds) =>
      run('outbox.pending', (tables) =>
        [...tables.outbox.values()]
          .filter((row) => row.owner === owner || isSilent(tables, row.owner, silentMs))
          .filter(({ message }) => kinds?.includes(message.kind) ?? true)
          .slice(0, limit)
          .map(({ message }) => message),
      ),
    sent: (uniqueIds) => run('outbox.sent', (tables) => uniqueIds.forEach((id) => tables.outbox.delete(id))),
  };
}

function incarnations(run: Run): CustodyRepositories['incarnations'] {
  return {
    register: ({ id, ...rest }) =>
      run(
        'incarnations.register',
        (tables) => void tables.beats.set(id, { ...rest, holdsProbe: false, atMs: performance.now() }),
      ),
    beat: (id) =>
      run('incarnations.beat', (tables) => {
        const row = tables.beats.get(id);
        if (row === undefined) throw new DatabaseError('no such incarnation', { outcome: 'failed' });
        row.atMs = performance.now();
      }),
    setProbe: (id, holds) =>
      run('incarnations.setProbe', (tables) => {
        const row = tables.beats.get(id);
        if (row !== undefined) row.holdsProbe = holds;
      }),
    list: () =>
      run('incarnations.list', (tables) =>
        [...tables.beats].map(([id, { atMs, ...rest }]) => ({
          id,
          ...rest,
          startedAt: '',
          beatAgeMs: performance.now() - atMs,
        })),
      ),
    remove: (id) => run('incarnations.remove', (tables) => void tables.beats.delete(id)),
    purge: (ageMs, limit) =>
      run('incarnations.purge', (tables) => {
        const silent = [...tables.beats].filter(([, { atMs }]) => performance.now() - atMs > ageMs).slice(0, limit);
        for (const [id] of silent) tables.beats.delete(id);
        return silent.length;
      }),
  };
}

function asEntry({ outcome: _outcome, detail: _detail, ...entry }: Row): JournalEntry {
  return { ...entry };
}

function isSilent(tables: Tables, owner: string, silentMs: number): boolean {
  const beat = tables.beats.get(owner);
  return beat === undefined || performance.now() - beat.atMs > silentMs;
}

function mint(tables: Tables, names: readonly string[]): ReadonlyMap<string, bigint> {
  return new Map(
    names.map((name) => {
      const token = (tables.tokens.get(name) ?? 0n) + 1n;
      tables.tokens.set(name, token);
      return [name, token];
    }),
  );
}

function ours(tables: Tables, claim: Claim): Row {
  const row = tables.entries.get(claim.entryId);
  if (row?.claim !== claim.number || row.outcome !== null) throw new ClaimLostError(`entry ${claim.entryId}`);
  return row;
}

function checkTokens(tables: Tables, tokens: ReadonlyMap<string, bigint>): void {
  for (const [name, token] of tokens) if (tables.tokens.get(name) !== token) throw new ClaimLostError(name);
}
