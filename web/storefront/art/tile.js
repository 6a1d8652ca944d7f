/**
 * A product's picture: a tile drawn from its id, always the same for the same product.
 */
import { svg } from "../dom.js";
import { paletteFor } from "./palettes.js";
import { EDGE, PATTERNS } from "./patterns.js";

/**
 * @param {{productId: string, name: string}} product
 * @returns {SVGElement} decorative: the name stands beside it
 */
export function tile({ productId, name }) {
  const chance = randomFrom(hash(productId));
  const palette = paletteFor(name, Math.floor(chance() * 2 ** 20));
  const pattern = PATTERNS[Math.floor(chance() * PATTERNS.length)];
  const layers = pattern(2 + Math.floor(chance() * 2), chance);
  return svg(
    "svg", { viewBox: `0 0 ${EDGE} ${EDGE}`, class: "tile", "aria-hidden": "true", focusable: "false" },
    svg("rect", { width: EDGE, height: EDGE, fill: palette[0] }),
    ...layers.map(({ tone, d }) => svg("path", { d, fill: palette[tone] })),
  );
}

/**
 * FNV-1a, 32 bits.
 * @param {string} text
 * @returns {number}
 */
function hash(text) {
  let value = 0x811c9dc5;
  for (const char of text) value = Math.imul(value ^ (char.codePointAt(0) ?? 0), 0x01000193);
  return value >>> 0;
}

/**
 * Mulberry32: a small generator that gives the same row of numbers for the same seed.
 * @param {number} seed
 * @returns {() => number} from 0 up to, not including, 1
 */
function randomFrom(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
