import type { Content } from './guest.ts';

export interface KnownSnapshot {
  readonly id: string;
  readonly volume: KnownVolume;
  readonly content: Content;
  readonly sizeGb: number;
  /** Requests under way that read it. */
  readers: number;
  /** Its deletion was sent: nobody asks for anything of it any more, and who reads it may come too late. */
  doomed: boolean;
}

export interface KnownVolume {
  readonly id: string;
  sizeGb: number;
  content: Content;
  readonly snapshots: Set<KnownSnapshot>;
  /** Snapshots of it that are being made. */
  making: number;
  /** Snapshots of it that are being deleted. */
  unmaking: number;
  /** It is changed as a whole: nobody asks for anything else of it. */
  busy: boolean;
  readers: number;
  doomed: boolean;
}

/** What must be there, by what was asked for and came to its end. */
export class Known {
  readonly #volumes = new Set<KnownVolume>();

  /** Those of which something may be asked; all, once every request has ended. */
  get volumes(): readonly KnownVolume[] {
    return [...this.#volumes].filter(({ doomed, busy }) => !doomed && !busy);
  }

  get snapshots(): readonly KnownSnapshot[] {
    return this.volumes.flatMap(({ snapshots }) => [...snapshots].filter(({ doomed }) => !doomed));
  }

  add(id: string, sizeGb: number, content: Content): KnownVolume {
    const idle = { making: 0, unmaking: 0, busy: false, readers: 0, doomed: false };
    const volume = { id, sizeGb, content, snapshots: new Set<KnownSnapshot>(), ...idle };
    this.#volumes.add(volume);
    return volume;
  }

  addSnapshot(id: string, volume: KnownVolume, content = volume.content): KnownSnapshot {
    const snapshot = { id, volume, content, sizeGb: volume.sizeGb, readers: 0, doomed: false };
    volume.snapshots.add(snapshot);
    return snapshot;
  }

  remove(volume: KnownVolume): void {
    this.#volumes.delete(volume);
  }
}

/** Nothing that was asked for is under way of it. */
export function isIdle({ making, unmaking, busy, readers, doomed, snapshots }: KnownVolume): boolean {
  return making + unmaking + readers === 0 && !busy && !doomed && [...snapshots].every((one) => one.readers === 0);
}
