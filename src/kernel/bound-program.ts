/** Its arguments are the parent's process id and the program's command line: nothing is put into its text. */
const startUnderParent = 'test "$PPID" = "$0" && exec "$@"';

/**
 * The command line of a program that the kernel kills when this process ends, however that happens. The kernel is told
 * some milliseconds after the fork; where we have ended by then it would never know, and the program would work on with
 * nobody to end it. So it is looked up afterwards who the parent is, and the program does not start under another one.
 *
 * @param parent the process that starts it, on the thread that lives as long as the process
 */
export function boundProgram(argv: readonly string[], parent: number = process.pid): readonly [string, ...string[]] {
  return ['setpriv', '--pdeathsig', 'KILL', '--', 'sh', '-c', startUnderParent, String(parent), ...argv];
}
