import { Type } from '@sinclair/typebox';
import type { Static } from '@sinclair/typebox';
import type { Json } from '../../domain/json.ts';
import type { ManageableVolume, Survey } from '../../drivers/volume-driver.ts';
import { pageOf, type ManageableEntry } from '../manageable-page.ts';
import { Flag } from '../operations/arguments.ts';
import type { CallContext, RpcCall } from '../rpc-service.ts';
import { requireReady } from './call-parts.ts';

/*
 * get_manageable_volumes, get_manageable_snapshots: what is on the storage, what of it is managed, and what could be.
 *
 * No locks: it is a look, made anew for each page, and outdated when it arrives. Taking in checks all that it says again.
 * Nothing is changed, so it can be run as often as its message comes.
 */

const OptionalInteger = Type.Optional(Type.Union([Type.Null(), Type.Integer({ minimum: 0 })]));
const Texts = Type.Optional(Type.Union([Type.Null(), Type.Array(Type.String())]));

const Args = Type.Object({
  marker: Type.Optional(Type.Unsafe<Json>(Type.Unknown())),
  limit: OptionalInteger,
  offset: OptionalInteger,
  sort_keys: Texts,
  sort_dirs: Texts,
  want_objects: Flag,
});
type Args = Static<typeof Args>;

export const getManageableVolumes: RpcCall<typeof Args> = {
  name: 'get_manageable_volumes',
  args: Args,
  async run(args, context) {
    requireReady(context.ports);
    const { manage } = context.ports.backend.driver;
    const found = (await manage?.list(surveyOf(context))) ?? [];
    return answer('Volume', found.map(entryOf), args, context);
  },
};

export const getManageableSnapshots: RpcCall<typeof Args> = {
  name: 'get_manageable_snapshots',
  args: Args,
  async run(args, context) {
    requireReady(context.ports);
    const { manageSnapshot } = context.ports.backend.driver;
    const found = (await manageSnapshot?.list(surveyOf(context))) ?? [];
    const entries = found.map((one) => ({ ...entryOf(one), source_reference: one.sourceReference }));
    return answer('Snapshot', entries, args, context);
  },
};

function surveyOf({ signal, log, ports: { db } }: CallContext): Survey {
  return {
    signal,
    provableUntilMs: () => Number.POSITIVE_INFINITY,
    ownersOf: (nameIds) => db.volumes.named(nameIds),
    snapshotsWith: (ids) => db.snapshots.among(ids),
    log,
  };
}

function entryOf({ reference, sizeGb, reasonNotSafe, cinderId }: ManageableVolume): ManageableEntry {
  return {
    reference,
    size: sizeGb,
    safe_to_manage: reasonNotSafe === null,
    reason_not_safe: reasonNotSafe,
    cinder_id: cinderId,
    extra_info: null,
  };
}

function answer(
  kind: 'Volume' | 'Snapshot',
  entries: readonly ManageableEntry[],
  args: Args,
  { ports }: CallContext,
): Json {
  const page = pageOf(entries, {
    marker: args.marker ?? null,
    limit: args.limit ?? null,
    offset: args.offset ?? null,
    sortKeys: args.sort_keys ?? [],
    sortDirs: args.sort_dirs ?? [],
  });
  return args.want_objects === true ? page.map((entry) => ports.objects.manageable(kind, entry)) : page;
}
