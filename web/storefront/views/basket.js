/**
 * The basket: what is in it, how many, and what it comes to.
 */
import { tile } from "../art/tile.js";
import { basket } from "../basket.js";
import { announce, fill, h } from "../dom.js";
import { formatMoney, lineTotal, showPrice } from "../money.js";
import { emptyNotice } from "../notices.js";
import { quantityControl } from "../quantity.js";
import { counted } from "../words.js";

/** @typedef {import("../basket.js").Line} Line */

/**
 * @param {import("../router.js").Visit} visit
 * @returns {import("../router.js").Screen}
 */
export function basketView({ signal }) {
  const place = h("div", { class: "columns" });
  const heading = h("h1", null, "Basket");
  const show = () => {
    const lines = basket.lines;
    if (lines.length === 0) return fill(place, emptyNotice("Your basket is empty", h("a", { href: "#/" }, "Look around the catalogue")));
    const sum = h("dd", { class: "price" });
    const pieces = h("dt", null);
    const tell = () => {
      sum.textContent = formatMoney(basket.total, basket.currency);
      pieces.textContent = `Total of ${counted(basket.count, "piece")}`;
    };
    tell();
    fill(place,
      h("ul", { class: "lines panel", role: "list" }, lines.map((line) => row(line, tell, () => heading.focus()))),
      h("aside", { class: "panel summary", "aria-label": "Total" },
        h("dl", { class: "totals" }, h("div", { class: "grand" }, pieces, sum)),
        h("a", { class: "button primary wide", href: "#/checkout" }, "To the checkout"),
        h("a", { class: "button ghost wide", href: "#/" }, "Keep looking")));
  };
  // A change of quantity repaints its own row, so that the focus stays; lines that come or go repaint all.
  let ids = "";
  const watch = () => {
    const now = basket.lines.map((line) => `${line.productId}@${line.unitPrice}`).join(" ");
    if (now !== ids || !document.hasFocus()) show();
    ids = now;
  };
  ids = basket.lines.map((line) => `${line.productId}@${line.unitPrice}`).join(" ");
  show();
  basket.onChange(watch, signal);
  return { title: "Basket", node: h("section", null, heading, place) };
}

/**
 * @param {Line} line
 * @param {() => void} tell shows the new total
 * @param {() => void} leave takes the focus from a removed row
 * @returns {HTMLLIElement}
 */
function row(line, tell, leave) {
  const total = h("p", { class: "line-total price" }, formatMoney(lineTotal(line.unitPrice, line.quantity), line.currency));
  const quantity = quantityControl({
    value: line.quantity, name: line.name,
    onChange: (wanted) => {
      basket.setQuantity(line.productId, wanted);
      total.textContent = formatMoney(lineTotal(line.unitPrice, wanted), line.currency);
      tell();
      announce(`${counted(wanted, "piece")} of ${line.name}. Total ${formatMoney(basket.total, basket.currency)}`);
    },
  });
  const remove = () => {
    basket.remove(line.productId);
    announce(`${line.name} removed`);
    leave();
  };
  return h("li", { class: "line" },
    h("div", { class: "line-art" }, tile(line)),
    h("div", { class: "line-text" },
      h("a", { href: `#/products/${encodeURIComponent(line.productId)}` }, line.name),
      h("p", { class: "quiet" }, `${showPrice(line.unitPrice, line.currency)} each`)),
    h("div", { class: "line-controls" }, quantity,
      h("button", { type: "button", class: "link", "aria-label": `Remove ${line.name}`, onclick: remove }, "Remove")),
    total);
}
