import { InvalidInputError } from '../kernel/errors.ts';
import { levelNumbers, levelOf, type LevelName } from './record.ts';

/**
 * Which lines are written: a level for each prefix of logger names, the longest prefix that fits deciding. Names are
 * compared as text, as upstream's `set_log_levels` does: `cinder.v` fits `cinder.volume.manager`.
 */
export class LogLevels {
  readonly #rules = new Map<string, LevelName>();
  /** The names that loggers have, with their levels in effect. Names are constants of the program, so it stays small. */
  readonly #names = new Map<string, LevelName>();

  constructor(defaults: { readonly debug: boolean; readonly defaultLogLevels: readonly string[] }) {
    this.reset(defaults);
  }

  /** Forgets all that was set and goes by the options; `defaultLogLevels` are `name=LEVEL`. Bad pairs are left out. */
  reset({ debug, defaultLogLevels }: { readonly debug: boolean; readonly defaultLogLevels: readonly string[] }): void {
    this.#rules.clear();
    this.#rules.set('', debug ? 'DEBUG' : 'INFO');
    for (const pair of defaultLogLevels) {
      const [name = '', word = ''] = pair.split('=');
      const level = levelOf(word);
      if (level !== undefined) this.#rules.set(name.trim(), level);
    }
    this.#refresh();
  }

  allows(logger: string, level: LevelName): boolean {
    const least = this.#names.get(logger) ?? this.register(logger);
    return levelNumbers[level] >= levelNumbers[least];
  }

  /** Makes a name known, so that `levels` shows it before its first line. */
  register(logger: string): LevelName {
    const level = this.#effective(logger);
    this.#names.set(logger, level);
    return level;
  }

  /** Sets the level of all loggers whose names begin so, now and later. Throws `InvalidInputError` for a wrong level. */
  setLevel(prefix: string, word: string): void {
    const level = levelOf(word);
    if (level === undefined) throw new InvalidInputError('level', `${word} is none of DEBUG, INFO, WARNING, ERROR`);
    for (const rule of [...this.#rules.keys()]) if (rule.startsWith(prefix)) this.#rules.delete(rule);
    this.#rules.set(prefix, level);
    this.#refresh();
  }

  /** The levels in effect of the loggers whose names begin so. */
  levels(prefix = ''): Readonly<Record<string, LevelName>> {
    const names = [...this.#names].filter(([name]) => name.startsWith(prefix));
    return Object.fromEntries(names.sort(([a], [b]) => (a < b ? -1 : 1)));
  }

  #effective(logger: string): LevelName {
    let longest = '';
    for (const prefix of this.#rules.keys())
      if (prefix.length > longest.length && logger.startsWith(prefix)) longest = prefix;
    return this.#rules.get(longest) ?? 'INFO';
  }

  #refresh(): void {
    for (const name of this.#names.keys()) this.#names.set(name, this.#effective(name));
  }
}
