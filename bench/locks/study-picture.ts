import { cases, type Cell } from './study-cells.ts';

const width = 900;
const labelWidth = 250;
const barHeight = 12;
const headHeight = 34;
const panelGap = 18;
const right = 70;

/** On a logarithmic scale, from a tenth of a second: contestants differ by powers of ten. */
const leastSeconds = 0.1;

const colours = { ours: '#2c6fbb', tooz: '#d98c2b', database: '#6b7280', text: '#1f2937', grid: '#e5e7eb' } as const;

/** Bars of the seconds that all changes took, a panel for each case; what was cut is drawn hollow. */
export function pictureOf(cells: readonly Cell[]): string {
  const panels: string[] = [];
  let top = 30;
  for (const { label, rows, workers } of cases) {
    const own = cells.filter((cell) => cell.case === label);
    panels.push(panel(`${rows} rows × ${workers} workers`, own, top, scaleOf(cells)));
    top += headHeight + own.length * (barHeight + 3) + panelGap;
  }
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${top}" font-family="sans-serif" font-size="10">`,
    `<rect width="${width}" height="${top}" fill="#ffffff"/>`,
    legend(),
    ...panels,
    '</svg>\n',
  ].join('\n');
}

type Scale = (seconds: number) => number;

function scaleOf(cells: readonly Cell[]): Scale {
  const most = Math.log10(Math.max(1, ...cells.map(({ seconds }) => seconds)) / leastSeconds);
  const room = width - labelWidth - right;
  return (seconds) => (room * Math.log10(Math.max(seconds, leastSeconds) / leastSeconds)) / most;
}

function legend(): string {
  const entries = [
    ['database alone', colours.database],
    ['ours', colours.ours],
    ['Tooz', colours.tooz],
  ] as const;
  const boxes = entries.map(([name, colour], index) => {
    const x = labelWidth + index * 120;
    return `<rect x="${x}" y="8" width="10" height="10" fill="${colour}"/>${text(x + 15, 17, name)}`;
  });
  return [...boxes, text(labelWidth + 360, 17, 'seconds for all changes, logarithmic; hollow: cut, not done')].join('');
}

function panel(title: string, cells: readonly Cell[], top: number, scale: Scale): string {
  const height = cells.length * (barHeight + 3);
  const grid = [0.1, 1, 10, 100].map((seconds) => {
    const x = labelWidth + scale(seconds);
    if (x > width - right + 1) return '';
    const line = `<line x1="${x}" x2="${x}" y1="${top + headHeight - 4}" y2="${top + headHeight + height}" stroke="${colours.grid}"/>`;
    return line + text(x, top + headHeight - 8, `${seconds} s`, 'middle');
  });
  const bars = cells.map((cell, index) => bar(cell, top + headHeight + index * (barHeight + 3), scale));
  return [`<text x="8" y="${top + 20}" font-size="13" font-weight="bold">${title}</text>`, ...grid, ...bars].join('\n');
}

function bar(cell: Cell, y: number, scale: Scale): string {
  const colour = cell.contestant.includes(',') ? colours[cell.side] : colours.database;
  const cut = cell.done < cell.wanted;
  const length = Math.max(1, scale(cell.seconds));
  const paint = cut ? `fill="none" stroke="${colour}"` : `fill="${colour}"`;
  return [
    text(labelWidth - 6, y + 10, cell.contestant, 'end'),
    `<rect x="${labelWidth}" y="${y}" width="${length.toFixed(1)}" height="${barHeight}" ${paint}/>`,
    text(labelWidth + length + 4, y + 10, cut ? `cut at ${cell.seconds.toFixed(0)}` : cell.seconds.toFixed(1)),
  ].join('');
}

const text = (x: number, y: number, words: string, anchor = 'start'): string =>
  `<text x="${x.toFixed(1)}" y="${y}" text-anchor="${anchor}" fill="${colours.text}">${words}</text>`;
