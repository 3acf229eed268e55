import type { Clock } from '../../kernel/clock.ts';
import { CallError, CallGuard, toCallError } from './call-guard.ts';
import { ShareChildren } from './share-children.ts';
import { ShareFiles } from './share-files.ts';
import { ShareFinds } from './share-finds.ts';
import { ShareLook } from './share-look.ts';
import type { AllowedFolders } from './share-paths.ts';
import type { FromHelper, ShareVerbs, ToHelper, VerbName } from './share-protocol.ts';

type Handlers = {
  readonly [V in VerbName]: (args: ShareVerbs[V]['args'], guard: CallGuard) => Promise<ShareVerbs[V]['result']>;
};

/** How often deadlines are looked at while a child runs; a commit point looks for itself. */
const deadlineCheckMs = 100;

/** The helper's calls: each has a guard of its own, which renewals and aborts from main reach while it runs. */
export class ShareHelper {
  readonly #clock: Clock;
  readonly #answer: (message: FromHelper) => void;
  readonly #children = new ShareChildren();
  readonly #guards = new Map<number, CallGuard>();
  readonly #handlers: Handlers;
  #checks: NodeJS.Timeout | undefined;

  constructor(allowed: AllowedFolders, clock: Clock, answer: (message: FromHelper) => void) {
    this.#clock = clock;
    this.#answer = answer;
    const files = new ShareFiles(allowed);
    const look = new ShareLook(allowed, files);
    const finds = new ShareFinds(allowed, files);
    this.#handlers = {
      statfs: (args) => files.statfs(args),
      ensureFolder: (args) => files.ensureFolder(args),
      ensureTempFolder: (args) => files.ensureTempFolder(args),
      exists: (args) => files.exists(args),
      look: (args, guard) => look.look(args, guard),
      inspect: (args) => look.inspect(args),
      files: (args) => finds.files(args),
      examine: (args) => finds.examine(args),
      read: (args) => finds.read(args),
      adopt: (args, guard) => files.adopt(args, guard),
      createFile: (args, guard) => files.createFile(args, guard),
      commit: (args, guard) => files.commit(args, guard),
      replaceFile: (args, guard) => files.replaceFile(args, guard),
      move: (args, guard) => files.move(args, guard),
      unlink: (args, guard) => files.unlink(args, guard),
      removeTemps: (args, guard) => files.removeTemps(args, guard),
      run: (args, guard) => this.#children.run(args, guard),
    };
  }

  receive(message: ToHelper): void {
    if (message.op === 'call') void this.#call(message);
    else if (message.op === 'abort') this.#guards.get(message.id)?.abort();
    else for (const [id, deadlineMs] of message.deadlines) this.#guards.get(id)?.renew(deadlineMs);
  }

  killChildren(): void {
    this.#children.killAll();
  }

  async #call({ id, verb, args, deadlineMs }: Extract<ToHelper, { op: 'call' }>): Promise<void> {
    const guard = new CallGuard(this.#clock, deadlineMs);
    this.#guards.set(id, guard);
    this.#checks ??= setInterval(() => this.#checkDeadlines(), deadlineCheckMs);
    try {
      const result = await this.#dispatch(verb, args, guard);
      this.#answer({ event: 'result', id, result });
    } catch (error) {
      const { code, message, outcome } = toCallError(error);
      this.#answer({ event: 'error', id, error: { code, message, outcome } });
    } finally {
      this.#guards.delete(id);
      if (this.#guards.size === 0) this.#stopChecks();
    }
  }

  /** The types of the arguments are the client's promise: it is the only one that writes to our input. */
  async #dispatch(verb: VerbName, args: unknown, guard: CallGuard): Promise<unknown> {
    if (!Object.hasOwn(this.#handlers, verb)) throw new CallError('REFUSED', `no verb ${verb}`, 'not-started');
    const handler = this.#handlers[verb] as (args: unknown, guard: CallGuard) => Promise<unknown>;
    return handler(args, guard);
  }

  #checkDeadlines(): void {
    for (const guard of this.#guards.values()) guard.checkDeadline();
  }

  #stopChecks(): void {
    clearInterval(this.#checks);
    this.#checks = undefined;
  }
}
