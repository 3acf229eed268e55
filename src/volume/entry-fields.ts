import type { JournalEntry } from '../db/ports/custody.ts';

/** What a log line says of an entry, as oslo.log names it where it does: who asked, and for what. */
export function logFields(entry: JournalEntry): Record<string, unknown> {
  return { ...askedBy(entry), [idField(entry)]: entry.resourceId, entry: entry.id };
}

export function requestId({ context }: JournalEntry): string | null {
  const id = context['request_id'];
  return typeof id === 'string' ? id : null;
}

/** `volume_id`, `group_snapshot_id`, … */
function idField({ resourceType }: JournalEntry): string {
  return `${resourceType.replace(/(?<=[a-z])(?=[A-Z])/g, '_').toLowerCase()}_id`;
}

function askedBy({ context }: JournalEntry): Record<string, unknown> {
  const fields = ['request_id', 'global_request_id', 'user_id', 'project_id', 'domain_id', 'user_domain_id'];
  return Object.fromEntries([...fields, 'project_domain_id'].map((field) => [field, context[field] ?? null]));
}
