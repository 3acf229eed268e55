import { ConfigError, faultText } from '../config/fault.ts';
import { loadConfig, type LoadOptions } from '../config/load.ts';
import { warningText } from '../config/warning.ts';

/** What `config check` prints, and its exit code: 0 nothing to say, 1 it cannot be used, 3 there are warnings. */
export interface CheckResult {
  readonly lines: readonly string[];
  readonly exitCode: 0 | 1 | 3;
}

/** Loads a configuration and says everything that is wrong or odd in it. `verbose` adds what is merely needless. */
export async function checkConfig(options: LoadOptions & { readonly verbose?: boolean }): Promise<CheckResult> {
  try {
    const config = await loadConfig(options);
    const found = config.files.length === 0 ? ['no configuration file was given or found'] : [];
    const idle = config.backends.length === 0 ? ['[DEFAULT] enabled_backends is empty: there is nothing to serve'] : [];
    const warnings = [...found, ...idle, ...config.warnings.map(warningText)].map((text) => `warning: ${text}`);
    const notes = options.verbose === true ? config.notes.map((note) => `note: ${warningText(note)}`) : [];
    const last = warnings.length === 0 ? `ok: ${config.files.join(', ')}` : `${warnings.length} warning(s)`;
    return { lines: [...warnings, ...notes, last], exitCode: warnings.length === 0 ? 0 : 3 };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return { lines: error.faults.map((fault) => `error: ${faultText(fault)}`), exitCode: 1 };
  }
}
