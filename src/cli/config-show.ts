import type { Config } from '../config/load.ts';
import type { ResolvedOption } from '../config/resolver.ts';
import { originText } from '../config/fault.ts';
import { maskUrlPasswords } from '../log/redact.ts';

/** `config show` as lines: every option in effect, by section, with where its value stands. */
export function showConfig(config: Config, how: { readonly all: boolean }): string {
  const options = config.resolved.filter(({ origin }) => how.all || origin.kind !== 'default');
  const sections = new Map<string, string[]>();
  for (const option of options) {
    const lines = sections.get(option.group) ?? [];
    lines.push(`${option.name} = ${shownText(option)}  # ${originText(option.origin)}`);
    sections.set(option.group, lines);
  }
  const parts = [...sections].map(([name, lines]) => `[${name}]\n${lines.join('\n')}\n`);
  return [`# files: ${config.files.join(', ') || 'none'}\n`, ...parts].join('\n');
}

/** `config show --json`: section → option → value and source. Nothing secret, as above. */
export function showConfigJson(config: Config): Readonly<Record<string, unknown>> {
  const sections: Record<string, Record<string, { value: string | null; from: string }>> = {};
  for (const option of config.resolved) {
    const section = (sections[option.group] ??= {});
    section[option.name] = { value: option.text === null ? null : shownText(option), from: originText(option.origin) };
  }
  return sections;
}

/** A URL keeps its form, so that a wrong host or port can be seen; anything else secret vanishes whole. */
function shownText({ option, text }: ResolvedOption): string {
  if (text === null) return '<none>';
  if (!option.secret || text === '') return text.replaceAll('\n', ' | ');
  return text.includes('://') ? maskUrlPasswords(text) : '***';
}
