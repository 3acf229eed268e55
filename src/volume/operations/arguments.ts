import { Type } from '@sinclair/typebox';
import type { Json } from '../../domain/json.ts';

/** Ids become lock names and file names: nothing but a UUID's characters may pass. */
export const Id = Type.String({ pattern: '^[0-9a-fA-F-]{36}$' });

/** A versioned object's plain form, of which only the id is trusted: every other field is read from the database. */
export const ById = Type.Object({ id: Id });

/** An operator's words for what is on the storage: anything at all, which the driver understands or refuses. */
export const Reference = Type.Optional(Type.Unsafe<Json>(Type.Unknown()));

/** A flag that Python senders may leave out or send as null. */
export const Flag = Type.Optional(Type.Union([Type.Boolean(), Type.Null()]));

export const NullableText = Type.Union([Type.Null(), Type.String()]);

/** Of migrate_volume_completion, as call and as operation. */
export const Completion = Type.Object({ volume: ById, new_volume: ById, error: Flag });

/** A backend as the scheduler names it. */
export const Destination = Type.Object({
  host: Type.String({ minLength: 1 }),
  cluster_name: Type.Optional(NullableText),
});

/** What a failover writes into the rows of services and clusters. */
export const Updates = Type.Object({
  replication_status: Type.Optional(Type.String()),
  active_backend_id: Type.Optional(NullableText),
  disabled: Type.Optional(Type.Boolean()),
  disabled_reason: Type.Optional(NullableText),
});
