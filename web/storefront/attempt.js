/**
 * A checkout attempt: one order, one idempotency key. The key outlives a double click, a lost answer and a reload of
 * the page, and changes as soon as the order does.
 */
import { placeOrder } from "./api.js";
import { Problem } from "./http.js";
import { recall, remember } from "./storage.js";

/** @typedef {import("./api.js").NewOrder} NewOrder */

const KEY = "souk.attempt";
const WAITS_MS = [500, 1500, 4000];

/** Refusals that say nothing of an earlier try: the key must live on for when they are overcome. */
const UNDECIDED = new Set([401, 403, 408, 429]);

/**
 * Places the order once, however often it is called with the same order. Asks again with the same key while no answer
 * comes.
 * @param {NewOrder} order
 * @param {string} buyer who orders, so that another person's order gets another key
 * @param {(tries: number) => void} onRepeat called before each repeat
 * @returns {Promise<import("./api.js").Receipt>}
 * @throws {Problem} the refusal, or `unsure` when no answer came at all
 */
export async function placeOnce(order, buyer, onRepeat) {
  const key = keyOf(order, buyer);
  for (let tries = 0; ; tries += 1) {
    try {
      const receipt = await placeOrder(order, key);
      endAttempt();
      return receipt;
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      if (!error.unsure && !UNDECIDED.has(error.status)) endAttempt();
      if (!error.unsure || tries >= WAITS_MS.length) throw error;
      onRepeat(tries + 1);
      await new Promise((resolve) => setTimeout(resolve, WAITS_MS[tries]));
    }
  }
}

/** Forgets the attempt: it was answered. */
function endAttempt() {
  remember("sessionStorage", KEY, null);
}

/**
 * @param {NewOrder} order
 * @param {string} buyer
 * @returns {string}
 */
function keyOf(order, buyer) {
  const content = JSON.stringify([buyer, order]);
  const kept = recall("sessionStorage", KEY);
  if (kept?.content === content) return kept.key;
  const key = randomKey();
  remember("sessionStorage", KEY, { content, key });
  return key;
}

/**
 * 128 random bits. `crypto.randomUUID` is missing where the shop is reached over plain HTTP by another name than localhost.
 * @returns {string}
 */
export function randomKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
