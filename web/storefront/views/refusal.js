/**
 * What the checkout says when the order was not taken, and what the customer can do about it.
 */
import { getProduct } from "../api.js";
import { basket } from "../basket.js";
import { h } from "../dom.js";
import { Problem } from "../http.js";
import { showPrice } from "../money.js";
import { markFields, problemNotice } from "../notices.js";
import { session } from "../session.js";

/** @typedef {{line: import("../basket.js").Line, price: string | null}} Change */

/**
 * @param {unknown} error
 * @param {HTMLFormElement} form sent again by the offered buttons
 * @param {() => void} close takes the notice away
 * @returns {Promise<HTMLElement>}
 */
export async function refusal(error, form, close) {
  if (!(error instanceof Problem)) return problemNotice(error);
  if (error.code === "price_changed") return pricesChanged(error, form, close);
  const again = h("button", { type: "button", onclick: () => form.requestSubmit() }, "Try again");
  if (error.unsure) {
    return problemNotice(error, { heading: "We do not know yet whether your order was placed", actions: [h("p", null, "Trying again is safe: the order is placed once."), again] });
  }
  if (error.status === 401 && session.token) {
    session.end();
    return problemNotice(error, { heading: "Your session is over", actions: [h("a", { class: "button", href: "#/account?next=/checkout" }, "Sign in again")] });
  }
  return problemNotice(error, { leftOver: markFields(form, error) });
}

/**
 * @param {Problem} problem
 * @param {HTMLFormElement} form
 * @param {() => void} close
 * @returns {Promise<HTMLElement>}
 */
async function pricesChanged(problem, form, close) {
  const changes = (await Promise.all(basket.lines.map(priceNow))).filter(({ line, price }) => price !== line.unitPrice);
  const accept = () => {
    basket.reprice(new Map(changes.flatMap(({ line, price }) => (price === null ? [] : [[line.productId, price]]))));
    for (const { line, price } of changes) if (price === null) basket.remove(line.productId);
    close();
    [...form.querySelectorAll("button")].pop()?.focus();
  };
  const take = h("button", { type: "button", class: "primary", onclick: accept }, "Take the new prices");
  const leave = h("a", { class: "button", href: "#/basket" }, "Back to the basket");
  const notice = problemNotice(problem, { heading: "Prices have changed", leftOver: [], actions: [take, leave] });
  notice.querySelector(".notice-title")?.after(
    h("p", null, "Nothing was ordered. These are the prices of now:"),
    h("ul", { class: "brief" }, changes.map(described)));
  return notice;
}

/**
 * @param {import("../basket.js").Line} line
 * @returns {Promise<Change>} price null when the product is no longer sold
 */
async function priceNow(line) {
  try {
    return { line, price: (await getProduct(line.productId)).price };
  } catch (error) {
    const gone = error instanceof Problem && error.status === 404;
    return { line, price: gone ? null : line.unitPrice };
  }
}

/**
 * @param {Change} change
 * @returns {HTMLElement}
 */
function described({ line, price }) {
  if (price === null) return h("li", null, h("span", null, line.name), h("b", null, "no longer sold"));
  return h("li", null, h("span", null, line.name),
    h("span", { class: "price" }, h("s", null, h("span", { class: "hidden-text" }, "was "), showPrice(line.unitPrice, line.currency)), " ",
      h("b", null, h("span", { class: "hidden-text" }, "now "), showPrice(price, line.currency))));
}
