export interface Counts {
  passed: number;
  failed: number;
  skipped: number;
}
export function noCounts(): Counts;
export function add(a: Counts, b: Counts): Counts;
export function countVitest(jsonFile: string, status: number, say?: (line: string) => void): Counts;
export function failuresIn(report: object): string[];
export function runAndSum(main: (scratch: string) => Counts): void;
export function summaryLine(counts: Counts): string;
