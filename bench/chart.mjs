// The chart of jobrun beside other queues, drawn from what was measured. It has a ground of its own, so that it reads
// the same on a light and a dark page.
import { show } from './stats.mjs';

const WIDTH = 840;
const LEFT = 160;
const LONGEST = 560;
const BAR = 16;
const LINE = 22;
const HEAD = 34;
const GAP = 14;
const COLORS = { jobrun: '#0969da', other: '#afb8c1' };

/** Each kind of work has bars of its own scale: the rates of two kinds say nothing of each other. */
export function chart(work) {
  const heights = work.map(({ rates }) => HEAD + rates.length * LINE + GAP);
  const height = 20 + heights.reduce((sum, one) => sum + one, 0);
  let top = 10;
  const groups = work.map((one, i) => {
    const drawn = group(one, top);
    top += heights[i];
    return drawn;
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-labelledby="title desc" font-family="system-ui,-apple-system,Segoe UI,Helvetica,Arial,sans-serif" font-size="13" fill="#24292f">`,
    '<title id="title">jobrun beside other queues</title>',
    `<desc id="desc">Runs a second, each synced to disk before it is acknowledged. ${work.map(told).join(' ')}</desc>`,
    `<rect x="1" y="1" width="${WIDTH - 2}" height="${height - 2}" rx="10" fill="#f6f8fa" stroke="#8c959f"/>`,
    ...groups.flat(),
    '</svg>',
    '',
  ].join('\n');
}

function group({ what, rates }, top) {
  const most = Math.max(...rates.map(({ rate }) => rate));
  const bars = rates.flatMap(({ name, rate }, i) => {
    const y = top + HEAD + i * LINE;
    const width = Math.max(2, Math.round((rate / most) * LONGEST));
    const base = y + BAR - 4;
    const weight = name === 'jobrun' ? ' font-weight="600"' : '';
    return [
      `<text x="${LEFT - 12}" y="${base}" text-anchor="end"${weight}>${escaped(name)}</text>`,
      `<rect x="${LEFT}" y="${y}" width="${width}" height="${BAR}" rx="3" fill="${COLORS[name] ?? COLORS.other}"/>`,
      `<text x="${LEFT + width + 8}" y="${base}"${weight}>${show(rate)}</text>`,
    ];
  });
  return [`<text x="20" y="${top + 22}" font-weight="600">${escaped(what)}</text>`, ...bars];
}

const told = ({ what, rates }) =>
  escaped(`${what}: ${rates.map(({ name, rate }) => `${name} ${show(rate)}`).join(', ')}.`);

const escaped = (text) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
