// A screen of a terminal as an SVG: its letters and colours in a window, on a grid, for fonts differ in how wide their
// blocks are.

/** Lines are as high as the letters that draw boxes: nothing lies between them. */
const [CELL, LINE, LEFT, TOP] = [8.4, 16.3, 20, 44];
const INK = '#d8dee9';
const PAPER = '#1b1f27';
const DIM = '#8f9aab';
/** Behind what a terminal shows inverse: a pane of light grey would outshine the rest. */
const BAR = '#3d4a63';
const COLORS = {
  31: '#ef7a85',
  32: '#9bcf7f',
  33: '#e8c37a',
  34: '#70b7f4',
  36: '#5cc3d0',
  39: INK,
};
const PLAIN = { bold: false, dim: false, inverse: false, color: INK };

/** The output of `tmux capture-pane -e`. */
export function screenSvg(screen, label) {
  const lines = partsOf(screen);
  const wide = Math.max(...lines.map((parts) => parts.at(-1)?.end ?? 0));
  const width = wide * CELL + 2 * LEFT;
  const height = Math.round(lines.length * LINE + TOP + 14);
  const dots = ['#ff5f57', '#febc2e', '#28c840'];
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width.toFixed(0)} ${height}" role="img" aria-label="${label}">`,
    // No fill in here: a rule of a style sheet goes before the fill of a letter.
    '<style>text{font:14px ui-monospace,Menlo,Consolas,"DejaVu Sans Mono",monospace;white-space:pre}</style>',
    `<rect width="100%" height="100%" rx="10" fill="${PAPER}"/>`,
    ...dots.map((color, i) => `<circle cx="${20 + 20 * i}" cy="18" r="6" fill="${color}"/>`),
    `<g fill="${INK}">`,
    ...lines.map((parts, row) => parts.map((part) => drawn(part, row)).join('')).filter(Boolean),
    '</g>',
    '</svg>',
    '',
  ].join('\n');
}

/**
 * Line by line the pieces that look alike, with the column where each begins and ends; a look goes on in the next line.
 */
function partsOf(screen) {
  let style = PLAIN;
  return screen.split('\n').map((line) => {
    const parts = [];
    let at = 0;
    // biome-ignore lint/suspicious/noControlCharactersInRegex: the codes of colours begin with one
    for (const [, codes, text] of line.matchAll(/\u001b\[([\d;]*)m|([^\u001b]+)/g)) {
      if (text === undefined) {
        style = codes.split(';').map(Number).reduce(styled, style);
        continue;
      }
      parts.push({ text, style, start: at, end: at + text.length });
      at += text.length;
    }
    return parts;
  });
}

function styled(style, code) {
  if (code === 0) return PLAIN;
  if (code === 1) return { ...style, bold: true };
  if (code === 2) return { ...style, dim: true };
  if (code === 22) return { ...style, bold: false, dim: false };
  if (code === 7 || code === 27) return { ...style, inverse: code === 7 };
  return { ...style, color: COLORS[code] ?? style.color };
}

function drawn({ text, style, start }, row) {
  const fill = style.dim ? DIM : style.color;
  const [x, y] = [LEFT + start * CELL, TOP + row * LINE];
  const back = style.inverse
    ? `<rect x="${x.toFixed(1)}" y="${(y - 12.6).toFixed(1)}" width="${(text.length * CELL).toFixed(1)}" height="${LINE}" fill="${BAR}"/>`
    : '';
  const words = [...text.matchAll(/\S+(?: \S+)*/g)].map(({ 0: word, index }) => {
    const from = (x + index * CELL).toFixed(1);
    const look = `${fill === INK ? '' : ` fill="${fill}"`}${style.bold ? ' font-weight="bold"' : ''}`;
    return `<text x="${from}" y="${y.toFixed(1)}" textLength="${(word.length * CELL).toFixed(1)}"${look}>${escaped(word)}</text>`;
  });
  return back + words.join('');
}

const escaped = (text) =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
