/**
 * The pieces that an order's page is made of.
 */
import { tile } from "../art/tile.js";
import { fill, h } from "../dom.js";
import { formatMoney, lineTotal, showPrice } from "../money.js";
import { ahead, counted, reasonWords, showTime, wording } from "../words.js";

/** @typedef {import("../api.js").Order} Order */
/** @typedef {import("../api.js").Step} Step */

/**
 * @param {string} status
 * @returns {HTMLElement}
 */
export function pill(status) {
  const { label, tone } = wording(status);
  return h("span", { class: `pill ${tone}`, "data-status": status }, label);
}

/**
 * What happened, in the order in which it happened, and what still lies ahead.
 * @param {Pick<Order, "status" | "history">} order
 * @returns {HTMLElement}
 */
export function timeline({ status, history }) {
  return h("ol", { class: "timeline", role: "list" },
    history.map((step, i) => h("li", { class: `step ${wording(step.status).tone}${i === history.length - 1 ? " now" : ""}` },
      h("b", null, wording(step.status).label),
      h("time", { datetime: step.at }, showTime(step.at)),
      step.reason && h("span", { class: "reason" }, reasonWords(step.reason)))),
    ahead(status).map((later) => h("li", { class: "step later" },
      h("span", null, wording(later).label, h("span", { class: "hidden-text" }, ", not yet")))));
}

/**
 * @param {Order} order
 * @param {Map<string, string>} names by product id
 * @returns {HTMLElement}
 */
export function itemTable({ items, total, currency }, names) {
  return h("table", { class: "items" },
    h("caption", { class: "hidden-text" }, "Items of the order"),
    h("thead", null, h("tr", null, ["Product", "Quantity", "Sum"].map((title, i) => h("th", { scope: "col", class: i ? "number" : null }, title)))),
    h("tbody", null, items.map(({ productId, quantity, unitPrice, returned }) => {
      const name = names.get(productId) ?? productId;
      return h("tr", null,
        h("th", { scope: "row" }, h("div", { class: "item-name" }, tile({ productId, name }),
          h("span", null, h("a", { href: `#/products/${encodeURIComponent(productId)}` }, name), h("small", null, `${showPrice(unitPrice, currency)} each`)))),
        h("td", { class: "number" }, String(quantity), returned > 0 && h("small", null, `${returned} returned`)),
        h("td", { class: "number" }, formatMoney(lineTotal(unitPrice, quantity), currency)));
    })),
    h("tfoot", null, h("tr", null, h("th", { scope: "row", colspan: 2 }, "Total"), h("td", { class: "number price" }, showPrice(total, currency)))));
}

/**
 * @param {Order} order
 * @param {Map<string, string>} names by product id
 * @returns {HTMLElement | null} null when nothing was short
 */
export function shortNotice({ shortItems }, names) {
  if (!shortItems?.length) return null;
  return h("div", { class: "notice bad" },
    h("p", { class: "notice-title" }, "Not enough in stock"),
    h("ul", null, shortItems.map(({ productId, requested, available }) => h("li", null,
      h("b", null, names.get(productId) ?? productId), `: you asked for ${requested}, `,
      available > 0 ? `${counted(available, "is", "are")} left` : "none is left"))));
}

/**
 * Tells how the page learns of changes.
 * @param {HTMLElement} place
 * @param {import("../stream.js").Link} link
 */
export function showLink(place, link) {
  const told = { connecting: "Connecting", live: "Live", waiting: "Connection lost. Trying again", ended: "" }[link];
  place.className = `link-state ${link}`;
  place.hidden = told === "";
  fill(place, told);
}
