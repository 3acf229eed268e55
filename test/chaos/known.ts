import type { Content } from './guest.ts';

export interface KnownSnapshot {
  readonly id: string;
  readonly volume: KnownVolume;
  readonly content: Content;
  /** Requests under way that read it. */
  readers: number;
  /** Its deletion was sent: nobody asks for anything of it any more, and who reads it may come too late. */
  doomed: boolean;
}

export interface KnownVolume {
  readonly id: string;
  readonly sizeGb: number;
  readonly content: Content;
  readonly snapshots: Set<KnownSnapshot>;
  /** Snapshots of it that are being made. */
  making: number;
  readers: number;
  doomed: boolean;
}

/** What must be there, by what was asked for and came to its end. */
export class Known {
  readonly #volumes = new Set<KnownVolume>();

  /** Those of which something may be asked. */
  get volumes(): readonly KnownVolume[] {
    return [...this.#volumes].filter(({ doomed }) => !doomed);
  }

  get snapshots(): readonly KnownSnapshot[] {
    return this.volumes.flatMap(({ snapshots }) => [...snapshots].filter(({ doomed }) => !doomed));
  }

  add(id: string, sizeGb: number, content: Content): KnownVolume {
    const volume = { id, sizeGb, content, snapshots: new Set<KnownSnapshot>(), making: 0, readers: 0, doomed: false };
    this.#volumes.add(volume);
    return volume;
  }

  addSnapshot(id: string, volume: KnownVolume, content = volume.content): KnownSnapshot {
    const snapshot = { id, volume, content, readers: 0, doomed: false };
    volume.snapshots.add(snapshot);
    return snapshot;
  }

  remove(volume: KnownVolume): void {
    this.#volumes.delete(volume);
  }
}
