import type { Database } from '../../../../src/db/database.ts';
import type { Snapshot, Volume, VolumeType } from '../../../../src/domain/rows.ts';

/** As much of a database as the requests need: rows in memory, updates that compare, no isolation. */
export interface FakeRows {
  readonly db: Database;
  readonly volumes: Map<string, Volume>;
  readonly snapshots: Map<string, Snapshot>;
  /** `Volume <id> creating` */
  readonly workers: string[];
  readonly quota: Record<string, number>;
}

export const volumeType = {
  id: '2162dcbc-d9de-4404-9846-85c90c5abd3b',
  name: 'gold',
  description: null,
  is_public: true,
  qos_specs_id: null,
  extra_specs: {},
  created_at: '2026-01-01 00:00:00.000000',
  updated_at: null,
  deleted_at: null,
  deleted: false,
} satisfies VolumeType;

const time = '2026-01-01 00:00:00.000001';

function table<Row extends { id: string }>(rows: Map<string, Row>, defaults: Partial<Row>) {
  return {
    get: async (id: string) => rows.get(id) ?? null,
    create: async (row: Row) => void rows.set(row.id, { ...defaults, ...row }),
    update: async (id: string, changes: Record<string, unknown>, expected: Record<string, unknown> = {}) => {
      const row = rows.get(id) as Record<string, unknown> | undefined;
      const fits = Object.entries(expected).every(([column, wanted]) =>
        Array.isArray(wanted) ? wanted.includes(row?.[column]) : row?.[column] === wanted,
      );
      if (row === undefined || !fits) return 0;
      const values = Object.entries(changes).map(([column, value]) => [
        column,
        typeof value === 'symbol' ? time : value,
      ]);
      const changed: unknown = { ...row, ...Object.fromEntries(values) };
      rows.set(id, changed as Row);
      return 1;
    },
  };
}

export function fakeRows(): FakeRows {
  const volumes = new Map<string, Volume>();
  const snapshots = new Map<string, Snapshot>();
  const workers: string[] = [];
  const quota: Record<string, number> = {};
  const common = { created_at: time, updated_at: null, deleted_at: null, deleted: false };
  const repositories = {
    volumes: table(volumes, {
      ...common,
      bootable: false,
      multiattach: false,
      snapshot_id: null,
      source_volid: null,
      display_description: null,
    }),
    snapshots: {
      ...table(snapshots, common as Partial<Snapshot>),
      ofVolume: async (id: string) => [...snapshots.values()].filter(({ volume_id }) => volume_id === id),
    },
    volumeTypes: { get: async () => volumeType },
    workers: {
      create: async (type: string, id: string, status: string) => void workers.push(`${type} ${id} ${status}`),
    },
    quotas: {
      adjust: async (_: string, deltas: Record<string, number>) => {
        for (const [name, delta] of Object.entries(deltas)) quota[name] = (quota[name] ?? 0) + delta;
      },
    },
  };
  const db = { ...repositories, transaction: (work: (rows: unknown) => unknown) => work(repositories) };
  return { db: db as unknown as Database, volumes, snapshots, workers, quota };
}
