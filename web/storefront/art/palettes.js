/**
 * Colours of the tiles. A product that names its colour gets that colour; any other gets one by its id.
 */

/** @typedef {readonly [ground: string, main: string, light: string, spark: string]} Palette */

/** @type {Record<string, Palette>} */
const PALETTES = {
  majorelle: ["#2f2ba8", "#5f5be8", "#f3efe4", "#f4b942"],
  lagoon: ["#0f565e", "#2b9a8f", "#f1ecdd", "#eac56c"],
  saffron: ["#f2b53a", "#d9801a", "#fff4da", "#7d3313"],
  clay: ["#b34d30", "#e08a66", "#fbece1", "#432c50"],
  olive: ["#55622f", "#8f9d50", "#f2efdb", "#dba84a"],
  rose: ["#c2557c", "#e796ae", "#fdeef2", "#6a2344"],
  night: ["#20263b", "#4d5a7c", "#edeff5", "#e2a643"],
  mint: ["#bfe0d0", "#45997c", "#f6fbf7", "#1f5040"],
  sky: ["#bddaee", "#3f80b2", "#f3f9fd", "#163f60"],
  plum: ["#50305f", "#9061a6", "#f3eaf6", "#e8b962"],
  sand: ["#e7d7bb", "#b88f5b", "#fbf6ec", "#614728"],
  chalk: ["#e4e1da", "#b9b3a8", "#fdfcfa", "#6b7182"],
  ruby: ["#a82737", "#dd5f62", "#fdecea", "#f0c05a"],
  leaf: ["#2c6a3e", "#63a866", "#eff6e8", "#f0c05a"],
  lilac: ["#cfc0e8", "#8268b8", "#f8f4fd", "#41306b"],
};

/** Words that name a colour, as shops write them. */
const NAMED = new Map(Object.entries({
  red: "ruby", pink: "rose", rose: "rose", blue: "sky", navy: "night", black: "night", white: "chalk", ivory: "sand",
  cream: "sand", green: "leaf", mint: "mint", turquoise: "lagoon", yellow: "saffron", gold: "saffron", orange: "clay",
  purple: "plum", lilac: "lilac", lavender: "lilac", silver: "chalk", grey: "chalk", gray: "chalk", brown: "clay",
  wood: "sand", wooden: "sand",
}));

const ALL = Object.values(PALETTES);

/**
 * @param {string} name the product's
 * @param {number} seed of its id
 * @returns {Palette}
 */
export function paletteFor(name, seed) {
  for (const word of name.toLowerCase().split(/[^a-z]+/)) {
    const named = NAMED.get(word);
    if (named) return PALETTES[named];
  }
  return ALL[seed % ALL.length];
}
