/**
 * The basket, kept in localStorage and the same in every tab. A line keeps the price that the customer saw: the shop
 * refuses the order if it has changed, and the customer then decides.
 */
import { sumOf } from "./money.js";
import { recall, remember } from "./storage.js";

/** @typedef {{productId: string, name: string, unitPrice: string, currency: string, quantity: number}} Line */

const KEY = "souk.basket";
export const MOST_PER_LINE = 1_000_000;
const events = new EventTarget();

export const basket = {
  /** @returns {Line[]} in the order in which they were added */
  get lines() {
    const kept = recall("localStorage", KEY);
    return Array.isArray(kept) ? kept : [];
  },

  /** @returns {number} pieces, all lines together */
  get count() {
    return basket.lines.reduce((sum, line) => sum + line.quantity, 0);
  },

  /** @returns {bigint} minor units */
  get total() {
    return sumOf(basket.lines);
  },

  /** @returns {string} ISO 4217 code of the first line: a shop has one */
  get currency() {
    return basket.lines[0]?.currency ?? "GBP";
  },

  /**
   * Adds pieces of a product, and takes over its price of now for the whole line.
   * @param {import("./api.js").Product} product
   * @param {number} quantity
   */
  add({ productId, name, price, currency }, quantity) {
    const lines = basket.lines;
    const held = lines.find((line) => line.productId === productId);
    const fresh = { productId, name, unitPrice: price, currency, quantity: whole((held?.quantity ?? 0) + quantity) };
    save(held ? lines.map((line) => (line === held ? fresh : line)) : [...lines, fresh]);
  },

  /**
   * @param {string} productId
   * @param {number} quantity 1 to a million; others are brought into that range
   */
  setQuantity(productId, quantity) {
    save(basket.lines.map((line) => (line.productId === productId ? { ...line, quantity: whole(quantity) } : line)));
  },

  /** @param {string} productId */
  remove(productId) {
    save(basket.lines.filter((line) => line.productId !== productId));
  },

  /**
   * Takes over new prices.
   * @param {Map<string, string>} prices by product id, decimal
   */
  reprice(prices) {
    save(basket.lines.map((line) => ({ ...line, unitPrice: prices.get(line.productId) ?? line.unitPrice })));
  },

  clear() {
    save([]);
  },

  /**
   * @param {() => void} listener
   * @param {AbortSignal} [signal] ends the listening
   */
  onChange(listener, signal) {
    events.addEventListener("change", listener, { signal });
  },
};

/** @param {Line[]} lines */
function save(lines) {
  remember("localStorage", KEY, lines.length ? lines : null);
  events.dispatchEvent(new Event("change"));
}

/**
 * @param {number} quantity
 * @returns {number}
 */
function whole(quantity) {
  return Number.isFinite(quantity) ? Math.min(MOST_PER_LINE, Math.max(1, Math.trunc(quantity))) : 1;
}

window.addEventListener("storage", (event) => {
  if (event.key === KEY || event.key === null) events.dispatchEvent(new Event("change"));
});
