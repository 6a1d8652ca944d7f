/**
 * The patterns of the tiles, after those of a Moroccan market. Each gives layers, lowest first; a layer is path data
 * and the palette's tone that fills it.
 */
import { arch, circle, diamond, leaf, polygon, quarter, star } from "./shapes.js";

/** @typedef {{tone: 0 | 1 | 2 | 3, d: string}} Layer */
/** @typedef {{x: number, y: number, size: number, odd: boolean, row: number}} Cell */
/** @typedef {(across: number, chance: () => number) => Layer[]} Pattern */

/** Edge of a tile in user units. */
export const EDGE = 240;

/** @type {Pattern} */
const stars = (across) => {
  const all = cells(across);
  return [
    layer(1, all, ({ x, y, size }) => star(x + size / 2, y + size / 2, size / 2)),
    layer(2, all, ({ x, y, size }) => star(x + size / 2, y + size / 2, size * 0.33) + diamond(x, y, size * 0.13)),
    layer(0, all, ({ x, y, size }) => star(x + size / 2, y + size / 2, size * 0.2)),
    layer(3, all, ({ x, y, size }) => circle(x + size / 2, y + size / 2, size * 0.075) + diamond(x, y, size * 0.06)),
    edgeDiamonds(across),
  ];
};

/** @type {Pattern} */
const petals = (across) => {
  const all = cells(across * 2);
  return [
    layer(1, all.filter((cell) => cell.odd), (cell) => leaf(cell.x, cell.y, cell.size, false)),
    layer(2, all.filter((cell) => !cell.odd), (cell) => leaf(cell.x, cell.y, cell.size, true)),
    layer(3, all.filter((cell) => !cell.odd && cell.row % 2 === 0), ({ x, y, size }) => circle(x + size, y + size, size * 0.17)),
  ];
};

/** @type {Pattern} */
const scales = (across) => {
  const size = EDGE / across;
  const rows = Array.from({ length: across * 2 + 2 }, (_, row) => row);
  return rows.flatMap((row) => {
    const centres = Array.from({ length: across + 2 }, (_, i) => (i - (row % 2 ? 0.5 : 0)) * size);
    const rings = (/** @type {number} */ r) => centres.map((x) => circle(x, (row * size) / 2, size * r)).join("");
    return [
      { tone: row % 2 ? 1 : 0, d: rings(0.5) }, { tone: 2, d: rings(0.37) },
      { tone: row % 2 ? 0 : 1, d: rings(0.27) }, { tone: 3, d: rings(0.12) },
    ];
  });
};

/** @type {Pattern} */
const quarters = (across, chance) => {
  const all = cells(across + 1).map((cell) => ({ ...cell, corner: Math.floor(chance() * 4), draw: chance() }));
  return [
    layer(1, all.filter((cell) => cell.draw < 0.3), ({ x, y, size }) => square(x, y, size)),
    layer(2, all, ({ x, y, size, corner }) => quarter(x, y, size, size, corner)),
    layer(1, all.filter((cell) => cell.draw >= 0.3), ({ x, y, size, corner }) => quarter(x, y, size, size * 0.62, corner)),
    layer(3, all, ({ x, y, size, corner }) => quarter(x, y, size, size * 0.28, corner)),
  ];
};

/** @type {Pattern} */
const diamonds = (across) => {
  const all = cells(across);
  const nested = (/** @type {number} */ part) => (/** @type {Cell} */ { x, y, size }) => diamond(x + size / 2, y + size / 2, size * part);
  return [
    layer(1, all, nested(0.5)), layer(2, all, nested(0.37)),
    layer(0, all.filter((cell) => cell.odd), nested(0.25)), layer(1, all.filter((cell) => !cell.odd), nested(0.25)),
    layer(3, all, nested(0.11)),
  ];
};

/** @type {Pattern} */
const pinwheels = (across) => {
  const all = cells(across);
  return [
    layer(1, all, ({ x, y, size: s }) => polygon([[x, y], [x + s / 2, y], [x + s / 2, y + s / 2]]) +
      polygon([[x + s, y + s], [x + s / 2, y + s], [x + s / 2, y + s / 2]])),
    layer(2, all, ({ x, y, size: s }) => polygon([[x + s, y], [x + s, y + s / 2], [x + s / 2, y + s / 2]]) +
      polygon([[x, y + s], [x, y + s / 2], [x + s / 2, y + s / 2]])),
    layer(3, all, ({ x, y, size: s }) => diamond(x + s / 2, y + s / 2, s * 0.12)),
  ];
};

/** @type {Pattern} */
const arches = (across) => {
  const all = cells(across);
  const door = (/** @type {number} */ w, /** @type {number} */ t) => (/** @type {Cell} */ { x, y, size }) => arch(x + size / 2, y + size, size * w, size * t);
  return [
    layer(1, all, door(0.88, 0.92)), layer(2, all, door(0.66, 0.78)),
    layer(0, all.filter((cell) => cell.odd), door(0.44, 0.62)), layer(1, all.filter((cell) => !cell.odd), door(0.44, 0.62)),
    layer(3, all, ({ x, y, size }) => circle(x + size / 2, y + size * 0.72, size * 0.075)),
  ];
};

/** @type {Pattern[]} */
export const PATTERNS = [stars, petals, scales, quarters, diamonds, pinwheels, arches];

/**
 * @param {number} across
 * @returns {Cell[]}
 */
function cells(across) {
  const size = EDGE / across;
  return Array.from({ length: across * across }, (_, i) => {
    const [column, row] = [i % across, Math.floor(i / across)];
    return { x: column * size, y: row * size, size, odd: (column + row) % 2 === 1, row };
  });
}

/**
 * @template {Cell} C
 * @param {Layer["tone"]} tone
 * @param {C[]} over
 * @param {(cell: C) => string} draw
 * @returns {Layer}
 */
function layer(tone, over, draw) {
  return { tone, d: over.map(draw).join("") };
}

/**
 * The small diamonds that the last column and row of stars leave out.
 * @param {number} across
 * @returns {Layer}
 */
function edgeDiamonds(across) {
  const size = EDGE / across;
  const steps = Array.from({ length: across + 1 }, (_, i) => i * size);
  return { tone: 2, d: steps.map((s) => diamond(EDGE, s, size * 0.13) + diamond(s, EDGE, size * 0.13)).join("") };
}

/**
 * @param {number} x
 * @param {number} y
 * @param {number} size
 * @returns {string}
 */
function square(x, y, size) {
  return polygon([[x, y], [x + size, y], [x + size, y + size], [x, y + size]]);
}
