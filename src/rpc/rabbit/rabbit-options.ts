import { rabbitOptions } from '../../config/options/rabbit.ts';
import type { Values } from '../../config/option.ts';
import { InvalidInputError, messageOf } from '../../kernel/errors.ts';

/** `[oslo_messaging_rabbit]`, checked. */
export type RabbitOptions = Values<typeof rabbitOptions>;

/** The options with those of `transport_url`'s query put over them. Throws for a name or value that does not exist. */
export function withUrlOptions(options: RabbitOptions, query: ReadonlyMap<string, string>): RabbitOptions {
  const overrides = [...query].map(([name, text]) => parseOverride(name, text));
  // Each value was made by the option's own parser, which is what the table's types say.
  return { ...options, ...Object.fromEntries(overrides) };
}

function parseOverride(name: string, text: string): [string, unknown] {
  const found = Object.entries(rabbitOptions.options).find(
    ([, option]) => option.name === name || option.formerly.some((old) => old.name === name),
  );
  if (found === undefined) {
    throw new InvalidInputError('transport_url', `has the option "${name}", which [oslo_messaging_rabbit] has not`);
  }
  try {
    return [found[0], found[1].parse([text])];
  } catch (cause) {
    throw new InvalidInputError('transport_url', `option ${name} ${messageOf(cause)}`, { cause });
  }
}

/** Refuses combinations that cannot work, before anything is declared. */
export function checkRabbitOptions(options: RabbitOptions): void {
  const refuse = (name: string, problem: string): never => {
    throw new InvalidInputError(`[oslo_messaging_rabbit] ${name}`, problem);
  };
  if (options.rabbitHaQueues && options.rabbitQuorumQueue) {
    refuse('rabbit_quorum_queue', 'cannot be used together with rabbit_ha_queues; choose one');
  }
  if (options.rabbitStreamFanout && !options.rabbitTransientQuorumQueue) {
    refuse('rabbit_stream_fanout', 'needs rabbit_transient_quorum_queue = true');
  }
  if (options.rabbitStreamFanout && options.rabbitQosPrefetchCount === 0) {
    refuse('rabbit_stream_fanout', 'needs rabbit_qos_prefetch_count above 0');
  }
}
