import { randomUUID } from 'node:crypto';

/** What queues of one reader are called. Each call gives another name, except where all readers share one queue. */
export interface QueueNames {
  fanout(topic: string): string;
  reply(): string;
}

/** oslo.messaging's default: nobody else can ever have the same. */
export const randomNames: QueueNames = {
  fanout: (topic) => `${topic}_fanout_${random()}`,
  reply: () => `reply_${random()}`,
};

/** Where copies are kept of what the queues of this topic get. */
export function copiesOf(topic: string): string {
  return `${topic}.aa_copies`;
}

function random(): string {
  return randomUUID().replaceAll('-', '');
}
