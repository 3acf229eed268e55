import type { VolumeType } from '../../domain/rows.ts';
import type { VolumeTypeRepository } from '../ports/resources.ts';
import type { Session } from '../session.ts';

type TypeRow = Omit<VolumeType, 'extra_specs'> & { readonly key: string | null; readonly value: string | null };

export class VolumeTypes implements VolumeTypeRepository {
  readonly #session: Session;

  constructor(session: Session) {
    this.#session = session;
  }

  get(id: string): Promise<VolumeType | null> {
    return this.#one('t.id = ?', id);
  }

  byName(name: string): Promise<VolumeType | null> {
    return this.#one('t.name = ? and t.deleted = false', name);
  }

  async qosSpecs(id: string): Promise<Readonly<Record<string, string | null>> | null> {
    const rows = await this.#session.read<{ key: string; value: string | null }>(
      `select q."key", q.value from volume_types t
       join quality_of_service_specs q on q.specs_id = t.qos_specs_id and q.deleted = false
       where t.id = ? order by q.id`,
      [id],
    );
    return rows.length === 0 ? null : Object.fromEntries(rows.map(({ key, value }) => [key, value]));
  }

  async encryption(id: string): Promise<Readonly<Record<string, string | number | null>> | null> {
    const rows = await this.#session.read<Record<string, string | number | null>>(
      'select cipher, key_size, provider, control_location from encryption where volume_type_id = ? and deleted = false',
      [id],
    );
    return rows[0] ?? null;
  }

  async #one(condition: string, binding: string): Promise<VolumeType | null> {
    const rows = await this.#session.read<TypeRow>(
      `select t.*, s."key", s.value from volume_types t
       left join volume_type_extra_specs s on s.volume_type_id = t.id and s.deleted = false
       where ${condition} order by s.id`,
      [binding],
    );
    const first = rows[0];
    if (first === undefined) return null;
    const { key: _key, value: _value, ...type } = first;
    const specs = rows.flatMap(({ key, value }) => (key === null ? [] : [[key, value] as const]));
    return { ...type, is_public: type.is_public ?? true, extra_specs: Object.fromEntries(specs) };
  }
}
