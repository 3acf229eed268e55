import type { OutboxMessage } from '../db/ports/custody.ts';
import { elevated } from '../domain/context.ts';
import type { RequestContext } from '../domain/context.ts';
import type { JsonObject } from '../domain/json.ts';
import type { Group, GroupSnapshot, Snapshot, Volume } from '../domain/rows.ts';
import { isoTime, snapshotEvents, volumeEvents } from './notifications.ts';
import type { OperationPorts } from './operation.ts';

/*
 * `group.*` and `group_snapshot.*`, each followed by the same event of every member, as upstream sends them.
 */

export interface GroupEvent {
  readonly suffix: string;
  readonly group: Group;
  readonly members: readonly Volume[];
}

export async function groupEvents(
  ports: OperationPorts,
  context: RequestContext,
  events: readonly GroupEvent[],
): Promise<readonly OutboxMessage[]> {
  if (!ports.messages.enabled) return [];
  const { host } = ports.backend;
  const messages: OutboxMessage[] = [];
  for (const { suffix, group, members } of events) {
    const usage = groupUsage(group);
    messages.push(...ports.messages.notification(elevated(context), `group.${host}`, `group.${suffix}`, usage));
    for (const volume of members) messages.push(...(await volumeEvents(ports, context, host, [{ suffix, volume }])));
  }
  return messages;
}

export interface GroupSnapshotEvent {
  readonly suffix: string;
  readonly groupSnapshot: GroupSnapshot;
  readonly members: readonly { readonly snapshot: Snapshot; readonly volume: Volume | null }[];
}

export async function groupSnapshotEvents(
  ports: OperationPorts,
  context: RequestContext,
  events: readonly GroupSnapshotEvent[],
): Promise<readonly OutboxMessage[]> {
  if (!ports.messages.enabled) return [];
  const publisher = `group_snapshot.${ports.backend.host}`;
  const messages: OutboxMessage[] = [];
  for (const { suffix, groupSnapshot, members } of events) {
    const usage = groupSnapshotUsage(groupSnapshot);
    messages.push(...ports.messages.notification(elevated(context), publisher, `group_snapshot.${suffix}`, usage));
    for (const { snapshot, volume } of members) {
      messages.push(...(await snapshotEvents(ports, context, volume, [{ suffix, snapshot }])));
    }
  }
  return messages;
}

function groupUsage(group: Group): JsonObject {
  return {
    tenant_id: group.project_id,
    user_id: group.user_id,
    availability_zone: group.availability_zone,
    group_id: group.id,
    group_type: group.group_type_id,
    name: group.name,
    created_at: isoTime(group.created_at),
    status: group.status,
  };
}

function groupSnapshotUsage(groupSnapshot: GroupSnapshot): JsonObject {
  return {
    tenant_id: groupSnapshot.project_id,
    user_id: groupSnapshot.user_id,
    group_snapshot_id: groupSnapshot.id,
    name: groupSnapshot.name,
    group_id: groupSnapshot.group_id,
    group_type: groupSnapshot.group_type_id,
    created_at: isoTime(groupSnapshot.created_at),
    status: groupSnapshot.status,
  };
}
