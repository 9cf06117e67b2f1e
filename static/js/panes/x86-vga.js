// @ts-check
// The VGA's text mode as a picture: 80 by 25 cells of 9 by 16 pixels, sixteen colours, code page 437. Lines and blocks
// are drawn to the cell's edge, as the adapter's own font does, so that boxes close. Blinking cells get a mark instead.

export const COLUMNS = 80;
export const ROWS = 25;
export const CELL = { width: 9, height: 16 };

/** The sixteen colours as the VGA's default palette has them. */
export const PALETTE = [
  "#000000", "#0000aa", "#00aa00", "#00aaaa", "#aa0000", "#aa00aa", "#aa5500", "#aaaaaa",
  "#555555", "#5555ff", "#55ff55", "#55ffff", "#ff5555", "#ff55ff", "#ffff55", "#ffffff",
];

/** Blocks as rectangles in parts of a cell: x, y, width, height. @type {Record<string, [number, number, number, number]>} */
const BLOCKS = { "█": [0, 0, 1, 1], "▀": [0, 0, 1, 0.5], "▄": [0, 0.5, 1, 0.5], "▌": [0, 0, 0.5, 1], "▐": [0.5, 0, 0.5, 1], "■": [0, 0.3, 1, 0.4] };
/** Shades: the part of a cell's dots that is lit. @type {Record<string, number>} */
const SHADES = { "░": 0.25, "▒": 0.5, "▓": 0.75 };
/** Box lines: how many strokes leave the middle to the left, right, up and down. @type {Record<string, string>} */
const LINES = {
  "─": "1100", "│": "0011", "┌": "0101", "┐": "1001", "└": "0110", "┘": "1010", "├": "0111", "┤": "1011", "┬": "1101", "┴": "1110", "┼": "1111",
  "═": "2200", "║": "0022", "╔": "0202", "╗": "2002", "╚": "0220", "╝": "2020", "╠": "0222", "╣": "2022", "╦": "2202", "╩": "2220", "╬": "2222",
  "╒": "0201", "╓": "0102", "╕": "2001", "╖": "1002", "╘": "0210", "╙": "0120", "╛": "2010", "╜": "1020", "╞": "0211", "╟": "0122", "╡": "2011",
  "╢": "1022", "╤": "2201", "╥": "1102", "╧": "2210", "╨": "1120", "╪": "2211", "╫": "1122",
};

/**
 * @typedef {{columns: number, rows: string[], attributes: [number, number, number][][],
 *   cursor: {row: number, column: number, visible: boolean}}} Screen
 */

/**
 * The attribute of every cell of a row.
 * @param {[number, number, number][]} runs
 */
export function attributesOf(runs) {
  const out = new Uint8Array(COLUMNS);
  for (const [at, length, attribute] of runs) out.fill(attribute, at, at + length);
  return out;
}

/**
 * Draw one character's cell.
 * @param {CanvasRenderingContext2D} pen
 * @param {string} letter
 * @param {number} attribute
 * @param {number} x
 * @param {number} y
 */
function cell(pen, letter, attribute, x, y) {
  const { width, height } = CELL;
  pen.fillStyle = PALETTE[(attribute >> 4) & 7];
  pen.fillRect(x, y, width, height);
  const ink = PALETTE[attribute & 15];
  pen.fillStyle = ink;
  if (letter !== " ") glyph(pen, letter, x, y);
  if (attribute & 0x80) {
    // What would blink stands still with dots under it.
    pen.fillStyle = ink;
    for (let dot = 1; dot < width; dot += 3) pen.fillRect(x + dot, y + height - 2, 1, 1);
  }
}

/**
 * @param {CanvasRenderingContext2D} pen
 * @param {string} letter
 * @param {number} x
 * @param {number} y
 */
function glyph(pen, letter, x, y) {
  const { width, height } = CELL;
  const block = BLOCKS[letter];
  if (block) {
    pen.fillRect(x + block[0] * width, y + block[1] * height, block[2] * width, block[3] * height);
  } else if (SHADES[letter]) {
    pen.globalAlpha = SHADES[letter];
    pen.fillRect(x, y, width, height);
    pen.globalAlpha = 1;
  } else if (LINES[letter]) line(pen, LINES[letter], x, y);
  // The selector asks for the letter's plain form: some fonts have a coloured picture for hearts and faces.
  else pen.fillText(letter > "\u007f" ? `${letter}\ufe0e` : letter, x + width / 2, y + 12, width);
}

/**
 * A box line: strokes of one pixel, double ones two pixels apart, from the middle to the cell's edges.
 * @param {CanvasRenderingContext2D} pen
 * @param {string} form
 * @param {number} x
 * @param {number} y
 */
function line(pen, form, x, y) {
  const { width, height } = CELL;
  const [left, right, up, down] = [...form].map(Number);
  const [mx, my] = [x + 4, y + 8];
  /** Distances of strokes from the middle line. */
  const strokes = (/** @type {number} */ n) => (n === 2 ? [-2, 2] : n === 1 ? [0] : []);
  const beside = (/** @type {number} */ d) => start(d, up, down, left > 0 && right > 0);
  const above = (/** @type {number} */ d) => start(d, left, right, up > 0 && down > 0);
  for (const d of strokes(left)) pen.fillRect(x, my + d, mx - x - beside(d) + 1, 1);
  for (const d of strokes(right)) pen.fillRect(mx + beside(d), my + d, x + width - mx - beside(d), 1);
  for (const d of strokes(up)) pen.fillRect(mx + d, y, 1, my - y - above(d) + 1);
  for (const d of strokes(down)) pen.fillRect(mx + d, my + above(d), 1, y + height - my - above(d));
}

/**
 * How far from the middle a stroke at distance `d` from its line's middle begins, where it meets the lines across:
 * outer strokes close corners, inner ones leave the crossing of double lines open.
 * @param {number} d
 * @param {number} before strokes of the line across on the side of negative distances
 * @param {number} after
 * @param {boolean} through this line goes on at the other side
 */
function start(d, before, after, through) {
  if (before !== 2 && after !== 2) return 0;
  if (d === 0) return through ? 0 : before && after ? 2 : -2;
  if (d < 0 ? before : after) return 2;
  return through ? 0 : -2;
}

/**
 * Draw what differs from what was drawn last.
 * @param {CanvasRenderingContext2D} pen
 * @param {Screen} screen
 * @param {Screen | null} drawn
 * @param {Set<number>} touched cells to draw again in any case, by number
 */
export function draw(pen, screen, drawn, touched) {
  pen.font = `14px ui-monospace, "SF Mono", "Cascadia Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace`;
  pen.textAlign = "center";
  for (let row = 0; row < ROWS; row++) {
    const letters = [...screen.rows[row]];
    const attributes = attributesOf(screen.attributes[row]);
    const same = drawn?.rows[row] === screen.rows[row] && JSON.stringify(drawn.attributes[row]) === JSON.stringify(screen.attributes[row]);
    const old = !same && drawn ? [...drawn.rows[row]] : null;
    const before = old && drawn ? attributesOf(drawn.attributes[row]) : null;
    for (let column = 0; column < COLUMNS; column++) {
      const known = same || (old !== null && old[column] === letters[column] && before?.[column] === attributes[column]);
      if (known && !touched.has(row * COLUMNS + column)) continue;
      cell(pen, letters[column], attributes[column], column * CELL.width, row * CELL.height);
    }
  }
}
