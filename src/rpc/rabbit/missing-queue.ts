import { messageOf } from '../../kernel/errors.ts';

/** RabbitMQ's reply code in what amqplib throws. */
export function replyCodeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}

/**
 * Whether the broker says that there is no such queue. Not: it is there, and the node that has it is down, which is a
 * 404 as well ("home node … of durable queue … is down or inaccessible").
 */
export function isMissingQueue(error: unknown): boolean {
  return replyCodeOf(error) === 404 && messageOf(error).includes('no queue');
}
