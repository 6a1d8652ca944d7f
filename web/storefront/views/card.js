/**
 * A product as one card of the catalogue, and what is said of its stock everywhere.
 */
import { tile } from "../art/tile.js";
import { basket } from "../basket.js";
import { h, toast } from "../dom.js";
import { showPrice } from "../money.js";

/** @typedef {import("../api.js").Product} Product */

const FEW = 10;

/**
 * @param {Product} product
 * @returns {HTMLLIElement}
 */
export function card(product) {
  const { productId, name, price, currency, inventory } = product;
  return h("li", { class: "card" },
    h("div", { class: "card-art" }, tile(product)),
    h("div", { class: "card-text" },
      h("a", { class: "card-name", href: `#/products/${encodeURIComponent(productId)}` }, name),
      h("div", { class: "card-foot" },
        h("p", { class: "price" }, showPrice(price, currency)),
        inventory > 0
          ? h("button", { class: "add", type: "button", "aria-label": `Add ${name} to the basket`, onclick: () => addToBasket(product, 1) }, "Add")
          : h("p", { class: "stock none" }, "Sold out"))));
}

/**
 * @param {number} inventory
 * @returns {HTMLElement}
 */
export function stockNote(inventory) {
  if (inventory <= 0) return h("p", { class: "stock none" }, "Sold out");
  if (inventory <= FEW) return h("p", { class: "stock few" }, `Only ${inventory} left`);
  return h("p", { class: "stock some" }, "In stock");
}

/**
 * @param {Product} product
 * @param {number} quantity
 */
export function addToBasket(product, quantity) {
  basket.add(product, quantity);
  toast(quantity === 1 ? product.name : `${quantity} × ${product.name}`, " is in your basket. ", h("a", { href: "#/basket" }, "See the basket"));
}
