import { execFileSync } from 'node:child_process';
import type { JsonObject } from '../../../src/domain/json.ts';
import type { Volume } from '../../../src/domain/rows.ts';
import type { AssistedCreation, AssistedRemoval, AssistedSnapshots } from '../../../src/drivers/assisted-snapshots.ts';
import type { Delegation } from '../../../src/drivers/volume-driver.ts';
import { OpenStackError } from '../../../src/openstack/openstack-error.ts';
import type { FolderBackend } from './folder-backend.ts';

/**
 * Nova with a hypervisor, as far as its snapshots are seen from here: it changes the chain with qemu-img and says so in
 * the snapshot's row. `faults` decides what becomes of the next request instead.
 */
export class StandInNova implements AssistedSnapshots {
  backend: FolderBackend | undefined;
  /** Pulls all that is below into the top image, where that takes more than a file's name. */
  pullAll: (() => void) | undefined;
  readonly asked: (AssistedCreation | AssistedRemoval)[] = [];
  readonly faults: ('refuses' | 'fails' | 'answer lost' | 'request lost')[] = [];

  createSnapshot(asked: AssistedCreation): Promise<void> {
    return this.#take(asked, 'creating', 'error', () => undefined);
  }

  removeSnapshot(asked: AssistedRemoval): Promise<void> {
    return this.#take(asked, 'deleting', 'error_deleting', () => this.#merge(asked));
  }

  #take(asked: AssistedCreation | AssistedRemoval, at: string, failed: string, work: () => void): Promise<void> {
    this.asked.push(asked);
    const fault = this.faults.shift();
    if (fault === 'refuses') return Promise.reject(new OpenStackError('HTTP 400', { status: 400, outcome: 'failed' }));
    const lost = new OpenStackError('no answer', { outcome: 'unknown' });
    if (fault === 'request lost') return Promise.reject(lost);
    if (fault === 'fails') {
      this.#sign(asked.snapshotId, failed);
    } else {
      work();
      this.#sign(asked.snapshotId, at);
    }
    return fault === 'answer lost' ? Promise.reject(lost) : Promise.resolve();
  }

  #merge({ volumeId, fileToMerge, mergeTarget }: AssistedRemoval): void {
    const dir = this.backend?.dir ?? '';
    const top = this.backend?.active({ id: volumeId } as Volume) ?? '';
    if (mergeTarget === null) {
      if (this.pullAll !== undefined) {
        this.pullAll();
        return;
      }
      const below = fileToMerge === null ? ['-b', ''] : ['-b', fileToMerge, '-F', formatOf(fileToMerge)];
      execFileSync('qemu-img', ['rebase', '-f', 'qcow2', ...below, top], { cwd: dir });
      return;
    }
    execFileSync('qemu-img', ['commit', '-d', '-f', 'qcow2', fileToMerge ?? ''], { cwd: dir });
    const above = this.backend?.files().find((name) => backingOf(dir, name) === fileToMerge);
    const rebase = ['rebase', '-u', '-f', 'qcow2', '-b', mergeTarget, '-F', formatOf(mergeTarget), above ?? ''];
    execFileSync('qemu-img', rebase, { cwd: dir });
  }

  #sign(snapshotId: string, status: string): void {
    const row = this.backend?.rows.get(snapshotId);
    if (row !== undefined) this.backend?.rows.set(snapshotId, { ...row, status, progress: '90%' });
  }
}

/** One journal entry: what is noted outlives its owners. */
export class NotedRequests implements Delegation {
  readonly notes = new Map<string, JsonObject>();
  readonly #refusals = new Map<string, string>();
  readonly #backend: FolderBackend;

  constructor(backend: FolderBackend) {
    this.#backend = backend;
  }
  asked(snapshotId: string): JsonObject | undefined {
    return this.notes.get(snapshotId);
  }
  ask(snapshotId: string, what: JsonObject): Promise<void> {
    this.notes.set(snapshotId, what);
    const row = this.#backend.rows.get(snapshotId);
    if (row !== undefined) this.#backend.rows.set(snapshotId, { ...row, progress: '0%' });
    return Promise.resolve();
  }
  noteRefusal(snapshotId: string, reason: string): Promise<void> {
    this.#refusals.set(snapshotId, reason);
    return Promise.resolve();
  }
  refusalOf(snapshotId: string): string | undefined {
    return this.#refusals.get(snapshotId);
  }
  leaveWord(): Promise<void> {
    return Promise.resolve();
  }
  wordOf(): undefined {
    return undefined;
  }
  wait<T>(wait: () => Promise<T>): Promise<T> {
    return wait();
  }
}

export const formatOf = (name: string): string => (name.includes('.') ? 'qcow2' : 'raw');

export function backingOf(dir: string, name: string): string | undefined {
  if (!name.includes('.') || name.endsWith('.info')) return undefined;
  const text = execFileSync('qemu-img', ['info', '-U', '--output=json', name], { cwd: dir, encoding: 'utf8' });
  return (JSON.parse(text) as { 'backing-filename'?: string })['backing-filename'];
}
