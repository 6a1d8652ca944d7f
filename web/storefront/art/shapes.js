/**
 * Outlines that the tile patterns are laid from, as SVG path data.
 */

/**
 * @param {readonly (readonly [number, number])[]} points
 * @returns {string}
 */
export const polygon = (points) => `M${points.map(([x, y]) => `${short(x)} ${short(y)}`).join("L")}Z`;

/**
 * @param {number} x centre
 * @param {number} y centre
 * @param {number} radius
 * @returns {string}
 */
export const circle = (x, y, radius) =>
  `M${short(x - radius)} ${short(y)}a${short(radius)} ${short(radius)} 0 1 0 ${short(radius * 2)} 0` +
  `a${short(radius)} ${short(radius)} 0 1 0 ${short(-radius * 2)} 0Z`;

/**
 * A square on its corner.
 * @param {number} x centre
 * @param {number} y centre
 * @param {number} radius
 * @returns {string}
 */
export const diamond = (x, y, radius) => polygon([[x, y - radius], [x + radius, y], [x, y + radius], [x - radius, y]]);

/**
 * The eight-pointed star of the zellige: two squares, one turned.
 * @param {number} x centre
 * @param {number} y centre
 * @param {number} radius
 * @returns {string}
 */
export function star(x, y, radius) {
  const inner = (radius * Math.cos(Math.PI / 4)) / Math.cos(Math.PI / 8);
  return polygon(Array.from({ length: 16 }, (_, i) => {
    const reach = i % 2 ? inner : radius;
    return /** @type {[number, number]} */ ([x + reach * Math.sin((i * Math.PI) / 8), y - reach * Math.cos((i * Math.PI) / 8)]);
  }));
}

/**
 * A leaf between two opposite corners of a square.
 * @param {number} x left
 * @param {number} y top
 * @param {number} size
 * @param {boolean} falling from the upper left, else from the lower left
 * @returns {string}
 */
export function leaf(x, y, size, falling) {
  const [y1, y2] = falling ? [y, y + size] : [y + size, y];
  const arc = `A${short(size)} ${short(size)} 0 0 1 `;
  return `M${short(x)} ${short(y1)}${arc}${short(x + size)} ${short(y2)}${arc}${short(x)} ${short(y1)}Z`;
}

/**
 * A quarter of a disc in one corner of a square.
 * @param {number} x left
 * @param {number} y top
 * @param {number} size
 * @param {number} radius
 * @param {number} corner 0 to 3, clockwise from the upper left
 * @returns {string}
 */
export function quarter(x, y, size, radius, corner) {
  const [cx, cy] = [[x, y], [x + size, y], [x + size, y + size], [x, y + size]][corner];
  const [dx, dy] = [[1, 1], [-1, 1], [-1, -1], [1, -1]][corner];
  const sweep = corner % 2 ? 0 : 1;
  return `M${short(cx)} ${short(cy)}L${short(cx + dx * radius)} ${short(cy)}` +
    `A${short(radius)} ${short(radius)} 0 0 ${sweep} ${short(cx)} ${short(cy + dy * radius)}Z`;
}

/**
 * A doorway with a round head.
 * @param {number} x centre
 * @param {number} y foot
 * @param {number} width
 * @param {number} height
 * @returns {string}
 */
export function arch(x, y, width, height) {
  const half = width / 2;
  return `M${short(x - half)} ${short(y)}V${short(y - height + half)}` +
    `A${short(half)} ${short(half)} 0 0 1 ${short(x + half)} ${short(y - height + half)}V${short(y)}Z`;
}

/**
 * @param {number} value
 * @returns {number} with two places at most: a page shows many tiles
 */
function short(value) {
  return Math.round(value * 100) / 100;
}
