import type { Repositories } from '../db/database.ts';

type Values = Readonly<Record<string, string | number | null>>;

/** How a volume's new type differs from its old one, as far as that says where and how its data must lie. */
export interface TypeDiff {
  /** Whether they come to the same, whatever they are called. */
  readonly isEqual: boolean;
  /** Whether their volumes are encrypted in one way, or not at all. */
  readonly isSameEncryption: boolean;
  /** The `replication_status` that the volume gets where one of them speaks of replication; null: it keeps its own. */
  readonly replicationStatus: 'enabled' | 'disabled' | null;
}

interface Sides {
  readonly specs: Values;
  readonly qos: Values;
  readonly encryption: Values | null;
}

/** Upstream compares extra specs, QoS specs (not their name) and encryption. `before` null: it had no type. */
export async function diffTypes(before: string | null, after: string, db: Repositories): Promise<TypeDiff | null> {
  const to = await sidesOf(after, db);
  const from = before === null ? none : await sidesOf(before, db);
  if (to === null || from === null) return null;
  const isSameEncryption = same(from.encryption ?? {}, to.encryption ?? {});
  const isEqual = same(from.specs, to.specs) && same(from.qos, to.qos) && isSameEncryption;
  return { isEqual, isSameEncryption, replicationStatus: replicationOf(from.specs, to.specs) };
}

const none: Sides = { specs: {}, qos: {}, encryption: null };
const replicated = 'replication_enabled';

async function sidesOf(id: string, db: Repositories): Promise<Sides | null> {
  const type = await db.volumeTypes.get(id);
  if (type === null) return null;
  const qos = (await db.volumeTypes.qosSpecs(id)) ?? {};
  return { specs: type.extra_specs, qos, encryption: await db.volumeTypes.encryption(id) };
}

function same(one: Values, other: Values): boolean {
  const keys = new Set([...Object.keys(one), ...Object.keys(other)]);
  return [...keys].every((key) => Object.hasOwn(one, key) && Object.hasOwn(other, key) && one[key] === other[key]);
}

function replicationOf(before: Values, after: Values): TypeDiff['replicationStatus'] {
  if (!Object.hasOwn(before, replicated) && !Object.hasOwn(after, replicated)) return null;
  return after[replicated] === '<is> True' ? 'enabled' : 'disabled';
}
