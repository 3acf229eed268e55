import { ConfigError, faultText } from '../../../src/config/fault.ts';
import type { FlagValue } from '../../../src/config/layers.ts';
import { resolveConfig, type Config } from '../../../src/config/load.ts';

/** Of a backend's section. */
export const nfs = 'volume_driver = cinder.volume.drivers.nfs.NfsDriver\n';

export const facts = { hostname: 'node-7', address: '192.0.2.7' };

/** Resolves a configuration from texts; the first is `/a.conf`, the second `/b.conf`, … */
export function configOf(
  texts: string | readonly string[],
  more: { environment?: Record<string, string>; flags?: readonly FlagValue[] } = {},
): Config {
  const list = typeof texts === 'string' ? [texts] : texts;
  const files = list.map((text, index) => ({ file: `/${String.fromCharCode(97 + index)}.conf`, text }));
  return resolveConfig({ texts: files, environment: {}, flags: [], facts, ...more });
}

export function faultsOf(...args: Parameters<typeof configOf>): string[] {
  try {
    configOf(...args);
  } catch (error) {
    if (error instanceof ConfigError) return error.faults.map(faultText);
    throw error;
  }
  return [];
}
