import type { OptionDef } from './option.ts';
import { areas, backendOptions } from './options/index.ts';

const width = 79;

const head = [
  'Sample configuration of cinder-volume-aa, generated from its option tables.',
  'Every option stands here with its default, commented out. The service reads the same cinder.conf as the rest of',
  "Cinder and leaves the others' options alone; `cinder-volume-aa config check` says what it makes of a file.",
  '',
  'The options of a backend stand in a section of its own, named in enabled_backends, or for all backends in',
  '[backend_defaults]; not in [DEFAULT].',
].join('\n');

/** The text of `etc/cinder.conf.sample`. */
export function sampleConfig(): string {
  const sections = new Map<string, OptionDef<unknown>[]>();
  for (const area of [...Object.values(areas), backendOptions]) {
    const options = sections.get(area.group) ?? [];
    options.push(...Object.values<OptionDef<unknown>>(area.options));
    sections.set(area.group, options);
  }
  const parts = [...sections].map(([name, options]) => `[${name}]\n\n${options.map(optionText).join('\n')}`);
  return `${comment(head)}\n\n${parts.join('\n\n')}`;
}

/** One option as oslo's sample generator lays it out: its help, its rules, and the default commented out. */
function optionText(option: OptionDef<unknown>): string {
  const { name, kind, help, min, max, choices, formerly, mutable } = option;
  const lines = [comment(wrap(`${help} (${kindText(kind)})`))];
  if (min !== undefined) lines.push(`# Minimum value: ${min}`);
  if (max !== undefined) lines.push(`# Maximum value: ${max}`);
  if (choices !== undefined) lines.push(`# Possible values: ${choices.join(', ')}`);
  for (const old of formerly) lines.push(`# Deprecated group/name - [${old.group}]/${old.name}`);
  if (mutable) lines.push('# Note: This option can be changed without restarting.');
  return `${lines.join('\n')}\n#${name} = ${defaultText(option)}`.trimEnd() + '\n';
}

function kindText(kind: OptionDef<unknown>['kind']): string {
  switch (kind) {
    case 'multi':
      return 'may be given several times';
    case 'port':
      return 'port number';
    case 'choice':
      return 'one of a few words';
    case 'json':
      return 'JSON';
    default:
      return `${kind} value`;
  }
}

function defaultText(option: OptionDef<unknown>): string {
  switch (option.machineDefault) {
    case 'hostname':
      return "<this machine's host name>";
    case 'address':
      return "<this machine's address>";
    case undefined:
      return option.default ?? '<none>';
  }
}

function comment(text: string): string {
  return text
    .split('\n')
    .map((line) => `# ${line}`.trimEnd())
    .join('\n');
}

function wrap(text: string): string {
  const lines = [''];
  for (const word of text.split(' ')) {
    const line = lines.at(-1) ?? '';
    if (line !== '' && line.length + word.length + 3 > width) lines.push(word);
    else lines[lines.length - 1] = line === '' ? word : `${line} ${word}`;
  }
  return lines.join('\n');
}
