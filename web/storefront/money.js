/**
 * Exact money. Amounts are BigInt minor units inside and decimal strings on the wire, so no sum is ever rounded.
 */

const DECIMAL = /^(-?)(\d+)(?:\.(\d{1,2}))?$/;

/**
 * Minor units of a decimal amount as the API writes it.
 * @param {string | number} decimal for example "2.55"
 * @returns {bigint}
 * @throws {RangeError} when it is no amount with at most two places
 */
export function parseMoney(decimal) {
  const match = DECIMAL.exec(String(decimal));
  if (!match) throw new RangeError(`not an amount of money: ${decimal}`);
  const [, sign, whole, fraction = ""] = match;
  const minor = BigInt(whole) * 100n + BigInt(fraction.padEnd(2, "0"));
  return sign ? -minor : minor;
}

/**
 * The wire form, always with two places.
 * @param {bigint} minor
 * @returns {string}
 */
export function toDecimal(minor) {
  const size = minor < 0n ? -minor : minor;
  return `${minor < 0n ? "-" : ""}${size / 100n}.${String(size % 100n).padStart(2, "0")}`;
}

/**
 * Minor units of a line.
 * @param {string | number} unitPrice decimal
 * @param {number} quantity a whole number
 * @returns {bigint}
 */
export function lineTotal(unitPrice, quantity) {
  return parseMoney(unitPrice) * BigInt(quantity);
}

/**
 * Minor units of all lines together.
 * @param {readonly {unitPrice: string, quantity: number}[]} lines
 * @returns {bigint}
 */
export function sumOf(lines) {
  return lines.reduce((sum, line) => sum + lineTotal(line.unitPrice, line.quantity), 0n);
}

/**
 * An amount for the eye, in the visitor's way of writing numbers. The formatter gets whole and fraction apart: given
 * both in one number, it would round large sums.
 * @param {bigint} minor
 * @param {string} currency ISO 4217 code
 * @returns {string}
 */
export function formatMoney(minor, currency) {
  const style = new Intl.NumberFormat(undefined, {
    style: "currency", currency, minimumFractionDigits: 2, maximumFractionDigits: 2,
  });
  const size = minor < 0n ? -minor : minor;
  const fraction = style.formatToParts(Number(size % 100n) / 100).find((part) => part.type === "fraction")?.value ?? "";
  const parts = style.formatToParts(size / 100n);
  return (minor < 0n ? "\u2212" : "") + parts.map((p) => (p.type === "fraction" ? fraction : p.value)).join("");
}

/**
 * An API amount for the eye.
 * @param {string | number} decimal
 * @param {string} currency ISO 4217 code
 * @returns {string}
 */
export function showPrice(decimal, currency) {
  return formatMoney(parseMoney(decimal), currency);
}
