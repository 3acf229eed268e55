import { Custody, type HeldLock, type ReleaseResult } from '../../../src/coordination/lock-backend.ts';

/** A backend's lock that the test renews and loses by hand. */
export class FakeLock implements HeldLock {
  readonly custody = new Custody();
  released = 0;

  constructor(untilMs: number) {
    this.custody.proof.extend(untilMs);
  }

  get proof() {
    return this.custody.proof;
  }

  onLost(listener: (why: string) => void): void {
    this.custody.onLost(listener);
  }

  release(): Promise<ReleaseResult> {
    this.released += 1;
    return Promise.resolve(this.custody.lost ? 'lost' : 'released');
  }
}
