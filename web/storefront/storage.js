/**
 * JSON in the browser's storage. A blocked or full storage must not stop a purchase: what cannot be kept is kept in
 * memory until the page closes.
 */

/** @type {Map<string, string>} */
const inMemory = new Map();

/**
 * @param {"localStorage" | "sessionStorage"} area
 * @param {string} key
 * @returns {any} what was stored, or null
 */
export function recall(area, key) {
  let text = inMemory.get(key) ?? null;
  try {
    text = text ?? window[area].getItem(key);
    return text === null ? null : JSON.parse(text);
  } catch {
    return null;
  }
}

/**
 * @param {"localStorage" | "sessionStorage"} area
 * @param {string} key
 * @param {unknown} value null forgets it
 */
export function remember(area, key, value) {
  inMemory.delete(key);
  try {
    if (value === null) window[area].removeItem(key);
    else window[area].setItem(key, JSON.stringify(value));
  } catch {
    if (value !== null) inMemory.set(key, JSON.stringify(value));
  }
}
