import { createHash } from 'node:crypto';
import type { NewEntry } from '../db/ports/custody.ts';
import type { JsonObject } from '../domain/json.ts';
import type { Snapshot, Volume } from '../domain/rows.ts';
import type { RpcRequest } from '../rpc/method.ts';

/** The closed list: what a row in one of these states asks for, if nobody carries its request. */
export const LOST_REQUESTS = [
  { type: 'Volume', status: 'creating', method: 'create_volume' },
  { type: 'Volume', status: 'deleting', method: 'delete_volume' },
  { type: 'Snapshot', status: 'creating', method: 'create_snapshot' },
  { type: 'Snapshot', status: 'deleting', method: 'delete_snapshot' },
] as const;

export type LostRequest = (typeof LOST_REQUESTS)[number];

export interface LostEntry {
  readonly backend: string;
  readonly row: Volume | Snapshot;
  /** In the wire's form. */
  readonly context: JsonObject;
  readonly origin: 'reconcile' | 'peer';
  /** Makes its id: the same for every replica that sees the same, so that it is one entry. */
  readonly seen: string;
  /** Whether the row says all that a volume is made from; else it is made only if the row names a source. */
  readonly isWhole: boolean;
}

/** The request as a journal entry, made again from the row. */
export function lostEntry({ type, status, method }: LostRequest, entry: LostEntry): NewEntry {
  const { backend, row, context, origin } = entry;
  return {
    uniqueId: entryId({ type, status }, entry),
    method,
    version: '3.0',
    backend,
    args: argsFor(method, row, entry.isWhole),
    context,
    resourceType: type,
    resourceId: row.id,
    origin,
  };
}

const creation = { type: 'Volume', status: 'creating' } as const;

/** As a copy has it: the same entry as of all others who see the row so, whatever message they found. */
export function copiedCreation(found: {
  readonly backend: string;
  readonly row: Volume;
  readonly request: Pick<RpcRequest, 'method' | 'version' | 'wire'>;
}): NewEntry {
  const { backend, row, request } = found;
  return {
    uniqueId: entryId(creation, { backend, row, origin: 'reconcile', seen: seenOf(row) }),
    method: request.method,
    version: request.version,
    backend,
    ...request.wire,
    resourceType: 'Volume',
    resourceId: row.id,
    origin: 'reconcile',
  };
}

/** The state of a row, by its last change. */
export function seenOf({ updated_at, created_at }: Volume | Snapshot): string {
  return updated_at ?? created_at ?? '';
}

/** Of the form of oslo's own ids; the same, whether the request was made again from the row or found in a copy. */
function entryId(
  { type, status }: Pick<LostRequest, 'type' | 'status'>,
  { origin, backend, row, seen }: Pick<LostEntry, 'origin' | 'backend' | 'row' | 'seen'>,
): string {
  const parts = [origin, backend, type, row.id, status, seen];
  return createHash('sha256').update(parts.join('\n')).digest('hex').slice(0, 32);
}

/** As its sender would have made it from the row, with plain rows in place of versioned objects. */
function argsFor(method: LostRequest['method'], row: Volume | Snapshot, isWhole: boolean): JsonObject {
  // Rows hold text, numbers, booleans and nulls only.
  const plain = { ...row } as unknown as JsonObject;
  switch (method) {
    case 'create_volume':
      return {
        volume: plain,
        ...(isWhole && { request_spec: null }),
        filter_properties: null,
        allow_reschedule: false,
      };
    case 'delete_volume':
      // The API lets a volume with snapshots become `deleting` for a cascade only, so without them it is the same.
      return { volume: plain, unmanage_only: false, cascade: true };
    case 'create_snapshot':
      return { snapshot: plain };
    case 'delete_snapshot':
      return { snapshot: plain, unmanage_only: false };
  }
}
