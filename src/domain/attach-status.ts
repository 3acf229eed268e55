import type { Volume, VolumeAttachment } from './rows.ts';

/** What a volume's attachments make of its row. */
export interface AttachState {
  readonly status: string;
  readonly attach_status: string;
}

/**
 * Upstream's rule: of the attachments that did not fail, the one whose status comes first in the alphabet decides
 * (attached, attaching, detaching, reserved); without any the volume is available again.
 */
export function attachStateOf(attachments: readonly VolumeAttachment[]): AttachState {
  const [first = 'detached'] = attachments
    .map(({ attach_status: status }) => status ?? '')
    .filter((status) => status !== '' && !status.startsWith('error_'))
    .toSorted((a, b) => (a < b ? -1 : 1));
  const statuses: Readonly<Record<string, string>> = { attached: 'in-use', detached: 'available' };
  return { status: statuses[first] ?? first, attach_status: first };
}

/** Migrations and uploads give the volume its status themselves when they end. */
export function keepsStatus({ migration_status: migration, status }: Volume, next: AttachState): boolean {
  if (next.attach_status !== 'detached') return false;
  if (migration === 'success' || migration === 'error') return false;
  return (migration !== null && migration !== '') || status === 'uploading';
}
