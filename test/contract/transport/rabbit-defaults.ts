import { rabbitOptions } from '../../../src/config/options/rabbit.ts';
import type { RabbitOptions } from '../../../src/rpc/rabbit/rabbit-options.ts';

/** `[oslo_messaging_rabbit]` when nothing is set. */
export function defaultRabbitOptions(): RabbitOptions {
  const values = Object.entries(rabbitOptions.options).map(([key, option]) => [
    key,
    option.parse([option.default ?? '']),
  ]);
  // Each value comes from its option's parser.
  return Object.fromEntries(values) as RabbitOptions;
}
