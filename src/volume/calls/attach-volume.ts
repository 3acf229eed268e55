import { Type } from '@sinclair/typebox';
import type { Static } from '@sinclair/typebox';
import { attachmentLocks } from '../../coordination/lock-names.ts';
import type { Repositories } from '../../db/database.ts';
import { now } from '../../db/ports/resources.ts';
import { derivedUuid } from '../../domain/derived-uuid.ts';
import { CinderError } from '../../domain/exceptions.ts';
import type { Volume, VolumeAttachment } from '../../domain/rows.ts';
import { attachedMode, attachmentOf, lockVolume } from '../attachments.ts';
import type { Tell } from '../call-custody.ts';
import { volumeEvents } from '../notifications.ts';
import { Id, NullableText } from '../operations/arguments.ts';
import type { CallContext, RpcCall } from '../rpc-service.ts';
import { failureMessage } from '../user-messages.ts';
import { volumeHere } from './call-parts.ts';

/*
 * attach_volume: notes that a volume is attached (os-attach, the way before attachments had an API of their own).
 * Nothing is done on the backend.
 *
 * Locks: those of the volume's attachments.
 *
 * Run again: all rows are written in one transaction, and the new attachment's id is made of the message's, so a second
 * run finds what the first one wrote and answers the same. An attachment of the same instance or host is found as well,
 * whoever made it.
 *
 * A definite refusal that upstream notes (`error_attaching`, a user message) is noted before it is answered.
 */

const Args = Type.Object({
  volume_id: Id,
  instance_uuid: NullableText,
  host_name: NullableText,
  mountpoint: NullableText,
  mode: NullableText,
});

interface Asked extends Static<typeof Args> {
  /** Of the attachment that this request makes. */
  readonly id: string;
}

interface Ended {
  readonly attachment: VolumeAttachment;
  readonly volume: Volume;
  readonly refusal: CinderError | null;
}

export const attachVolume: RpcCall<typeof Args> = {
  name: 'attach_volume',
  args: Args,
  async run(args, context) {
    const { ports, request } = context;
    await volumeHere(args.volume_id, ports);
    const [instance_uuid, host] = [given(args.instance_uuid), given(args.host_name)];
    const host_name = host === null ? null : sanitizedHost(host);
    const asked = { ...args, instance_uuid, host_name, id: derivedUuid(`attachment ${request.uniqueId}`) };
    const { attachment, volume, refusal } = await context.locked(attachmentLocks(args.volume_id), (scope) =>
      scope.save((db, tell) => attach(asked, db, tell, context)),
    );
    if (refusal !== null) throw refusal;
    return ports.objects.attachment(attachment, volume);
  },
};

async function attach(asked: Asked, db: Repositories, tell: Tell, context: CallContext): Promise<Ended> {
  const volume = await lockVolume(db, asked.volume_id);
  const metadata = await db.volumes.metadata(volume.id, 'admin_metadata');
  const refusal = refusalOf(asked, metadata['readonly'] === 'True', context);
  const own = await db.attachments.get(asked.id);
  if (own?.attach_status === 'error_attaching' && refusal !== null) return { attachment: own, volume, refusal };
  const earlier = own ?? (await earlierOf(asked, volume, metadata[attachedMode], db));
  if (earlier !== null && earlier.attach_status !== 'error_attaching') return again(earlier, volume, db);
  requireFree(volume);
  await tell(await events('attach.start', volume, db, context));
  if (own === null) await db.attachments.create({ id: asked.id, volume_id: volume.id, attach_status: 'attaching' });
  await db.volumes.mergeMetadata(volume.id, 'admin_metadata', { [attachedMode]: asked.mode });
  if (refusal !== null) return { attachment: await fail(asked, refusal, volume, db, context), volume, refusal };
  const attached = await finish(asked, volume, db);
  await tell(await events('attach.end', attached.volume, db, context));
  return { ...attached, refusal: null };
}

/** An attachment of this instance, or of this host where no instance is named. */
async function earlierOf(
  { instance_uuid, host_name, mode }: Asked,
  volume: Volume,
  modeNow: string | null | undefined,
  db: Repositories,
): Promise<VolumeAttachment | null> {
  if (volume.status === 'attaching' && (modeNow ?? mode) !== mode) {
    throw new CinderError('InvalidVolume', { reason: 'being attached by different mode' });
  }
  const isSame = (row: VolumeAttachment): boolean =>
    instance_uuid === null ? row.attached_host === host_name : row.instance_uuid === instance_uuid;
  const all = await db.attachments.ofVolume(volume.id);
  return all.find((row) => row.attach_status !== 'detached' && isSame(row)) ?? null;
}

async function again(attachment: VolumeAttachment, volume: Volume, db: Repositories): Promise<Ended> {
  await db.volumes.update(volume.id, { status: 'in-use' });
  return { attachment, volume: { ...volume, status: 'in-use' }, refusal: null };
}

function requireFree({ status, multiattach, migration_status }: Volume): void {
  if (status !== 'in-use' || multiattach || (migration_status ?? '') !== '') return;
  const reason = 'volume is already attached and multiple attachments are not enabled';
  throw new CinderError('InvalidVolume', { reason });
}

function refusalOf({ volume_id, instance_uuid, mode }: Asked, isReadOnly: boolean, { ports }: CallContext) {
  if (instance_uuid !== null && !isUuid(instance_uuid)) return new CinderError('InvalidUUID', { uuid: instance_uuid });
  if (isReadOnly && mode !== 'ro') return new CinderError('InvalidVolumeAttachMode', { mode, volume_id });
  return ports.backend.ready() ? null : new CinderError('DriverNotInitialized', {});
}

async function fail(
  { id }: Asked,
  refusal: CinderError,
  volume: Volume,
  db: Repositories,
  { ports, request }: CallContext,
): Promise<VolumeAttachment> {
  await db.attachments.update(id, { attach_status: 'error_attaching' });
  if (refusal.exception !== 'InvalidUUID') {
    const message = failureMessage('attachVolume', volume, request.context, refusal);
    await db.messages.create(message, ports.settings.messageTtlSeconds);
  }
  return attachmentOf(db, id, volume.id);
}

async function finish(
  { id, instance_uuid, host_name, mountpoint, mode }: Asked,
  volume: Volume,
  db: Repositories,
): Promise<{ readonly attachment: VolumeAttachment; readonly volume: Volume }> {
  const whose = { instance_uuid, attached_host: host_name, mountpoint, attach_mode: mode };
  await db.attachments.update(id, { ...whose, attach_status: 'attached', attach_time: now });
  const state = { status: 'in-use', attach_status: 'attached' };
  await db.volumes.update(volume.id, state);
  return { attachment: await attachmentOf(db, id, volume.id), volume: { ...volume, ...state } };
}

function events(suffix: string, volume: Volume, db: Repositories, { ports, request }: CallContext) {
  return volumeEvents({ ...ports, db }, request.context, ports.backend.host, [{ suffix, volume }]);
}

/** Upstream takes empty text for none. */
function given(text: string | null): string | null {
  return text === '' ? null : text;
}

/** As upstream writes host names down (RFC 952 and 1123). */
function sanitizedHost(name: string): string {
  const plain = name.replace(/[ _]/g, '-').replace(/[^\p{L}\p{N}_.-]+/gu, '');
  return plain.toLowerCase().replace(/^[.-]+|[.-]+$/g, '');
}

function isUuid(text: string): boolean {
  return /^[0-9a-f]{32}$/.test(text.toLowerCase().replace(/^urn:uuid:|[{}-]/g, ''));
}
