import type { Repositories } from '../db/database.ts';
import { toCinderError } from '../domain/exceptions.ts';
import type { CinderError } from '../domain/exceptions.ts';
import type { Snapshot, Volume } from '../domain/rows.ts';
import type { Result, Scope } from './operation.ts';
import type { RowLooks } from './row-looks.ts';
import { isUnknownOutcome } from './unknown-outcome.ts';

/*
 * The members of a group and of a group snapshot. No driver of ours knows groups, so what is asked of a group is done
 * with each member, one after the other, as upstream's generic code does.
 */

export async function volumesOf(groupId: string, db: Repositories, rows: RowLooks): Promise<readonly Volume[]> {
  return present(await Promise.all((await db.groups.volumeIds(groupId)).map((id) => rows.volume(id))));
}

export async function snapshotsOf(id: string, db: Repositories, rows: RowLooks): Promise<readonly Snapshot[]> {
  return present(await Promise.all((await db.groupSnapshots.snapshotIds(id)).map((member) => rows.snapshot(member))));
}

export interface MemberFailure<M> {
  readonly member: M;
  readonly error: CinderError;
}

export interface MemberResults<M, R> {
  readonly done: readonly R[];
  readonly failed: readonly MemberFailure<M>[];
}

/**
 * A definite failure of one member does not keep the others from their turn; one of unknown outcome, or the end of the
 * locks, ends all.
 */
export async function eachMember<M, R>(
  members: readonly M[],
  { signal, log }: Scope,
  work: (member: M) => Promise<R>,
): Promise<MemberResults<M, R>> {
  const done: R[] = [];
  const failed: MemberFailure<M>[] = [];
  for (const member of members) {
    signal.throwIfAborted();
    try {
      done.push(await work(member));
    } catch (thrown) {
      if (signal.aborted || isUnknownOutcome(thrown)) throw thrown;
      const error = toCinderError(thrown);
      log.error({ err: error }, 'a member of the group failed');
      failed.push({ member, error });
    }
  }
  return { done, failed };
}

/** How the steps ended: `refusal` says what failed, for the journal and the log; null where nothing did. */
export interface GroupOutcome<M, R> extends MemberResults<M, R> {
  readonly refusal: string | null;
}

/** Where the whole was hindered, each member was. */
export function outcomeOf<M extends { readonly id: string }, R>(
  members: readonly M[],
  result: Result<MemberResults<M, R>>,
): GroupOutcome<M, R> {
  if (!result.ok) {
    const error = toCinderError(result.error);
    return { done: [], failed: members.map((member) => ({ member, error })), refusal: error.message };
  }
  const { failed } = result.value;
  const refusal = failed.map(({ member, error }) => `${member.id}: ${error.message}`).join('; ');
  return { ...result.value, refusal: refusal === '' ? null : refusal };
}

function present<T>(rows: readonly (T | null)[]): readonly T[] {
  return rows.filter((row) => row !== null);
}
