/**
 * What a customer may do with an order: cancel it, send things back.
 */
import { cancelOrder, returnItems } from "../api.js";
import { randomKey } from "../attempt.js";
import { announce, fill, h } from "../dom.js";
import { Problem } from "../http.js";
import { clearMarks, problemNotice } from "../notices.js";
import { canCancel, canReturn, counted } from "../words.js";

/** @typedef {import("../api.js").Order} Order */

/**
 * @param {Order} order
 * @param {string | null} token
 * @param {() => Promise<void>} reload shows the order anew
 * @returns {HTMLElement | null} null in a state that ends the cancelling
 */
export function cancelPanel(order, token, reload) {
  if (!canCancel(order.status)) return null;
  const note = h("div");
  const button = h("button", { type: "button", class: "danger" }, "Cancel order");
  button.addEventListener("click", async () => {
    button.disabled = true;
    fill(note);
    try {
      await cancelOrder(order.orderId, token);
      announce("The order is cancelled");
      await reload();
    } catch (error) {
      fill(note, problemNotice(error));
      button.disabled = false;
    }
  });
  return h("section", { class: "stack" }, h("p", { class: "quiet" }, "Changed your mind? Until it ships, you can cancel and get your money back."), button, note);
}

/**
 * @param {Order} order
 * @param {Map<string, string>} names by product id
 * @param {string | null} token
 * @param {() => Promise<void>} reload shows the order anew
 * @returns {HTMLElement | null} null when nothing can be returned
 */
export function returnPanel(order, names, token, reload) {
  const open = returnable(order);
  if (!canReturn(order.status) || open.size === 0) return null;
  const note = h("div");
  const button = h("button", null, "Send back");
  const rows = [...open].map(([productId, most], i) => h("div", { class: "return-row" },
    h("label", { for: `return-${i}` }, names.get(productId) ?? productId, h("small", null, ` up to ${most}`)),
    h("input", { id: `return-${i}`, name: productId, type: "number", inputmode: "numeric", min: 0, max: most, step: 1, value: 0 })));
  const form = h("form", { class: "stack" }, ...rows, note, button);
  const attempt = { content: "", key: "" }; // sent again with the same key, the same return is taken once
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    clearMarks(form);
    const items = [...new FormData(form)].map(([productId, text]) => ({ productId, quantity: Number(text) })).filter(({ quantity }) => quantity > 0);
    if (items.length === 0) return fill(note, h("p", { class: "notice calm", role: "alert" }, "Say how many of which you send back."));
    button.disabled = true;
    const content = JSON.stringify(items);
    if (attempt.content !== content) Object.assign(attempt, { content, key: randomKey() });
    try {
      await returnItems(order.orderId, items, attempt.key, token);
      announce(`${counted(items.reduce((sum, { quantity }) => sum + quantity, 0), "piece")} returned`);
      await reload();
    } catch (error) {
      fill(note, returnProblem(error, reload));
      button.disabled = false;
    }
  });
  return h("details", { class: "return" }, h("summary", null, "Return something"), form);
}

/**
 * When no answer came, the order itself says what was taken back.
 * @param {unknown} error
 * @param {() => Promise<void>} reload
 * @returns {HTMLElement}
 */
function returnProblem(error, reload) {
  if (!(error instanceof Problem && error.unsure)) return problemNotice(error);
  const look = h("button", { type: "button", onclick: () => reload() }, "Look what came back");
  return problemNotice(error, { heading: "We do not know yet whether your return was taken", actions: [look] });
}

/**
 * What can still come back, by product: an order may hold one product on several lines.
 * @param {Order} order
 * @returns {Map<string, number>}
 */
function returnable({ items }) {
  /** @type {Map<string, number>} */
  const open = new Map();
  for (const { productId, quantity, returned } of items) {
    if (quantity > returned) open.set(productId, (open.get(productId) ?? 0) + quantity - returned);
  }
  return open;
}
