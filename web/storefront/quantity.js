/**
 * The control that asks how many.
 */
import { MOST_PER_LINE } from "./basket.js";
import { h } from "./dom.js";

/**
 * A number input between two buttons.
 * @param {{value: number, name: string, onChange?: (quantity: number) => void}} options `name` is said to screen readers
 * @returns {HTMLElement & {quantity: () => number}}
 */
export function quantityControl({ value, name, onChange = () => {} }) {
  const input = h("input", {
    type: "number", inputmode: "numeric", min: 1, max: MOST_PER_LINE, step: 1, value, "aria-label": `Quantity of ${name}`,
  });
  const read = () => Math.min(MOST_PER_LINE, Math.max(1, Math.trunc(Number(input.value)) || 1));
  const settle = (/** @type {number} */ quantity) => {
    input.value = String(Math.min(MOST_PER_LINE, Math.max(1, quantity)));
    onChange(read());
  };
  input.addEventListener("change", () => settle(read()));
  const less = h("button", { type: "button", "aria-label": `One less of ${name}`, onclick: () => settle(read() - 1) }, "\u2212");
  const more = h("button", { type: "button", "aria-label": `One more of ${name}`, onclick: () => settle(read() + 1) }, "+");
  return Object.assign(h("div", { class: "quantity", role: "group" }, less, input, more), { quantity: read });
}
