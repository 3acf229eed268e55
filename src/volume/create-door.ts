import type { Component } from '../kernel/component.ts';
import { noTally } from '../kernel/tally.ts';
import type { RequestCopies } from '../rpc/method.ts';
import { CallCustody } from './call-custody.ts';
import { defaultTimings, noFailpoints, type CustodyOptions, type CustodyTimings } from './custody-options.ts';
import { Door } from './door.ts';
import { Housekeeping } from './housekeeping.ts';
import { IncarnationBeat } from './incarnation-beat.ts';
import { OutboxPump, outboxTurns } from './outbox-pump.ts';
import { Reconciler } from './reconcile.ts';
import { Takeover } from './takeover.ts';

export type DoorOptions = Omit<CustodyOptions, 'timings' | 'failpoints' | 'tally'> & {
  readonly timings?: Partial<CustodyTimings>;
  readonly failpoints?: CustodyOptions['failpoints'];
  readonly tally?: CustodyOptions['tally'];
  /** Of requests that the broker may have lost; none are kept if it is absent. */
  readonly copies?: RequestCopies;
};

export interface Custody {
  readonly door: Door;
  readonly calls: CallCustody;
  readonly reconciler: Reconciler;
  /** To be started, in this order, after database, coordinator and drivers, and before the RPC consumers. */
  readonly before: readonly Component[];
  /** To be started after the RPC consumers: nobody's start waits for another one's work. */
  readonly background: readonly Component[];
}

/** Puts the door together with what keeps it going. Nothing does I/O before the components are started. */
export function createDoor(options: DoorOptions): Custody {
  const custody: CustodyOptions = {
    ...options,
    timings: { ...defaultTimings, ...options.timings },
    failpoints: options.failpoints ?? noFailpoints,
    tally: options.tally ?? noTally,
  };
  const incarnation = new IncarnationBeat(custody);
  const outboxes = outboxTurns.map((turn) => new OutboxPump(custody, turn));
  const onOutbox = (): void => outboxes.forEach((outbox) => outbox.wake());
  const door = new Door(custody, { onOutbox, onDoubt: () => takeover.doubt() });
  const takeover = new Takeover(custody, door);
  const reconciler = new Reconciler(custody, door, options.copies ?? null);
  return {
    door,
    calls: new CallCustody({ ...custody, owner: custody.incarnation.id, onOutbox }),
    reconciler,
    before: [incarnation, ...outboxes, door],
    background: [takeover, reconciler, new Housekeeping(custody)],
  };
}
