import { CinderError } from '../domain/exceptions.ts';
import { isJsonObject, type JsonObject } from '../domain/json.ts';
import type { Volume } from '../domain/rows.ts';
import type { MigrationAbility } from '../drivers/volume-driver.ts';
import { messageOf, TimeoutError } from '../kernel/errors.ts';
import { failed, swapPlaces } from './migration-target.ts';
import type { OperationPorts, Scope } from './operation.ts';
import { PeerRefusal } from './peers.ts';
import { changed } from './row-moves.ts';
import { isUnknownOutcome } from './unknown-outcome.ts';

/*
 * The volume's data go over to the other backend, and then its row. The point of no return is that the volume's row
 * leads to the new place, which the other service writes (`update_migrated_volume`). Until then the old data count, and
 * they may have changed since an owner ended: who goes on copies again.
 */

/** What the volume's row said before, and how the other service's file is reached. */
const note = 'handover';

interface Handover {
  readonly from: string | null;
  readonly fromName: string | null;
  /** Null: somebody else has copied the data. */
  readonly connection: JsonObject | null;
}

/** The volume as it is under the locks, by host copy; afterwards its row leads to the target's data. */
export async function copyOver(volume: Volume, target: Volume, scope: Scope, ports: OperationPorts): Promise<void> {
  const before = noted(scope);
  if (before !== null && isHandedOver(volume, before)) return;
  const migration = ability(ports);
  if (before !== null && before.connection !== null) {
    const passage = { volume, target, connection: before.connection };
    if (await migration.isRenamed(passage, scope.work)) {
      await migration.copy(passage, true, scope.work);
      return takeOver(volume, target, scope);
    }
  }
  const connection = await connect(target, before !== null, scope, ports);
  try {
    await migration.copy({ volume, target, connection }, false, scope.work);
  } finally {
    await disconnect(target, scope, ports);
  }
  await handOver(volume, target, connection, scope, ports);
}

/** The data are there already. `connection`: how they were copied; null: not by us. */
export async function handOver(
  volume: Volume,
  target: Volume,
  connection: JsonObject | null,
  scope: Scope,
  ports: OperationPorts,
): Promise<void> {
  const before = noted(scope);
  if (before !== null && isHandedOver(volume, before)) return;
  const handover: Handover = { from: volume.provider_location, fromName: volume._name_id, connection };
  await scope.save(async (db) => {
    const { status, host, provider_location, _name_id } = volume;
    const expected = { status, host, provider_location, _name_id };
    if ((await db.volumes.update(volume.id, { migration_status: 'completing' }, expected)) === 0) throw changed(volume);
    await db.journal.note(scope.claim, { [note]: { ...handover } });
  });
  try {
    await ask(volume, target, scope, ports);
  } catch (thrown) {
    if (scope.signal.aborted) throw thrown;
    if (await hasArrived(volume, handover, ports)) return;
    const passage = connection === null ? null : { volume, target, connection };
    if (passage === null || !(await ability(ports).isRenamed(passage, scope.work))) throw refusalOf(thrown);
    // The other service ended between the file and the rows.
    return takeOver(volume, target, scope);
  }
  if (!(await hasArrived(volume, handover, ports))) throw failed('the other backend did not take the volume over');
}

/** Whether the volume's row leads to the new data: then nothing leads back. */
export function isPastReturn(volume: Volume, scope: Scope): boolean {
  const before = noted(scope);
  return before !== null && isHandedOver(volume, before);
}

function isHandedOver({ provider_location, _name_id }: Volume, { from, fromName }: Handover): boolean {
  return provider_location !== from || _name_id !== fromName;
}

async function hasArrived({ id }: Volume, handover: Handover, { db }: OperationPorts): Promise<boolean> {
  const row = await db.volumes.get(id);
  return row !== null && isHandedOver(row, handover);
}

async function ask(volume: Volume, target: Volume, scope: Scope, { peers, objects }: OperationPorts): Promise<void> {
  const args = {
    volume: objects.volume({ ...volume, migration_status: 'completing' }),
    new_volume: objects.volume(target),
    volume_status: volume.previous_status,
  };
  await scope.park(() => peers.call(target, 'update_migrated_volume', args, scope.signal));
}

/** What the other service would have written after it had renamed the file. */
async function takeOver(volume: Volume, target: Volume, scope: Scope): Promise<void> {
  await scope.save((db) => swapPlaces(db, volume, target, null, { migration_status: 'completing' }));
}

/**
 * Nothing is done on the other backend by it that would have to be known: without an answer in time it is a refusal, unless the
 * other service may have taken the volume over already.
 */
async function connect(
  target: Volume,
  mayBeOver: boolean,
  scope: Scope,
  { peers, objects, settings }: OperationPorts,
): Promise<JsonObject> {
  try {
    const args = { volume: objects.volume(target), connector: settings.connector };
    const answer = await scope.park(() => peers.call(target, 'initialize_connection', args, scope.signal));
    if (isJsonObject(answer)) return answer;
  } catch (thrown) {
    if (scope.signal.aborted || mayBeOver || isCutShort(thrown)) throw thrown;
    throw failed(messageOf(thrown));
  }
  throw failed('the other backend does not say how to reach the new volume');
}

/** Our own way to the queue broke: that says nothing of the other service, who was given no time to answer. */
function isCutShort(thrown: unknown): boolean {
  return isUnknownOutcome(thrown) && !(thrown instanceof TimeoutError);
}

/** A failure keeps nobody: what is left of a connection ends with the volume's first host. */
async function disconnect(
  { id: volume_id, host, cluster_name }: Volume,
  scope: Scope,
  { peers, settings }: OperationPorts,
): Promise<void> {
  const { connector } = settings;
  const { signal, log } = scope;
  const of = { host, cluster_name };
  try {
    await scope.park(() => peers.call(of, 'terminate_connection', { volume_id, connector, force: true }, signal));
    await scope.park(() => peers.call(of, 'remove_export', { volume_id }, signal));
  } catch (err) {
    log.warn({ err, volume_id }, 'the connection to the new volume was not ended');
  }
}

function noted({ claim }: Scope): Handover | null {
  const found = claim.notes[note];
  if (!isJsonObject(found)) return null;
  const text = (key: string): string | null => (typeof found[key] === 'string' ? found[key] : null);
  const { connection } = found;
  return { from: text('from'), fromName: text('fromName'), connection: isJsonObject(connection) ? connection : null };
}

/** An answer is definite; no answer is none. */
function refusalOf(thrown: unknown): unknown {
  return thrown instanceof PeerRefusal ? failed(thrown.message) : thrown;
}

function ability({ backend }: OperationPorts): MigrationAbility {
  const { migration } = backend.driver;
  if (migration === undefined) throw new CinderError('NotSupportedOperation', { operation: 'migration' });
  return migration;
}
