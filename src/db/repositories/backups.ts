import type { Backup } from '../../domain/rows.ts';
import { compareAndSet } from '../compare-and-set.ts';
import type { BackupRepository, Changes, Expected } from '../ports/resources.ts';
import type { Session } from '../session.ts';

export class Backups implements BackupRepository {
  readonly #session: Session;

  constructor(session: Session) {
    this.#session = session;
  }

  async get(id: string): Promise<Backup | null> {
    const rows = await this.#session.read<Backup>('select * from backups where id = ? and deleted = false', [id]);
    return rows[0] ?? null;
  }

  update(id: string, changes: Changes<Backup>, expected?: Expected<Backup>): Promise<number> {
    return compareAndSet(this.#session, 'backups', id, changes, expected);
  }
}
