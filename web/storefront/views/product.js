/**
 * One product, large.
 */
import { getProduct } from "../api.js";
import { tile } from "../art/tile.js";
import { fill, h } from "../dom.js";
import { showPrice } from "../money.js";
import { problemNotice } from "../notices.js";
import { quantityControl } from "../quantity.js";
import { addToBasket, stockNote } from "./card.js";

/**
 * @param {import("../router.js").Visit} visit
 * @returns {import("../router.js").Screen}
 */
export function productView({ params: [productId], signal }) {
  const place = h("article", { class: "product", "aria-busy": "true" }, h("h1", { class: "hidden-text" }, `Product ${productId}`));
  getProduct(productId, signal).then((product) => {
    const focused = place.contains(document.activeElement);
    fill(place, ...shown(product));
    document.title = `${product.name} · Souk`;
    if (focused) place.querySelector("h1")?.focus({ preventScroll: true });
  }).catch((error) => {
    if (!signal.aborted) place.append(problemNotice(error));
  }).finally(() => place.removeAttribute("aria-busy"));
  return { title: productId, node: h("div", null, h("p", { class: "crumb" }, h("a", { href: "#/" }, "← Catalogue")), place) };
}

/**
 * @param {import("../api.js").Product} product
 * @returns {Node[]}
 */
function shown(product) {
  const { name, productId, price, currency, inventory, description } = product;
  const quantity = quantityControl({ value: 1, name });
  const add = h("button", { class: "primary", type: "button", onclick: () => addToBasket(product, quantity.quantity()) }, "Add to basket");
  return [
    h("div", { class: "product-art" }, tile(product)),
    h("div", { class: "product-text" },
      h("h1", { tabindex: "-1" }, name),
      h("p", { class: "quiet" }, "No. ", h("code", null, productId)),
      h("p", { class: "price big" }, showPrice(price, currency)),
      stockNote(inventory),
      description ? h("p", { class: "prose" }, description) : "",
      inventory > 0 ? h("div", { class: "buy" }, quantity, add) : ""),
  ].filter((node) => node instanceof Node);
}
