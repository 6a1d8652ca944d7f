/**
 * The orders of a signed-in customer, and those that were placed as a guest in this browser.
 */
import { getOrder, listOrders } from "../api.js";
import { fill, h } from "../dom.js";
import { forgetGuestOrder, guestOrders } from "../guest_orders.js";
import { Problem } from "../http.js";
import { showPrice } from "../money.js";
import { emptyNotice, problemNotice } from "../notices.js";
import { session } from "../session.js";
import { showTime } from "../words.js";
import { pill } from "./order_parts.js";

const PER_PAGE = 20;
const STATUSES_ASKED = 20;

/**
 * @param {import("../router.js").Visit} visit
 * @returns {import("../router.js").Screen}
 */
export function ordersView({ signal }) {
  const guests = guestOrders();
  return {
    title: "Orders",
    node: h("section", { class: "stack" },
      h("h1", null, "Orders"),
      session.current && ownOrders(signal),
      guests.length > 0 && guestSection(guests, signal),
      !session.current && guests.length === 0 && emptyNotice("No orders yet", "Order something, or ", h("a", { href: "#/account?next=/orders" }, "sign in"), " to see what you ordered.")),
  };
}

/**
 * @param {AbortSignal} signal
 * @returns {HTMLElement}
 */
function ownOrders(signal) {
  const list = h("ul", { class: "orders panel", role: "list", hidden: true });
  const foot = h("div", { class: "more", "aria-busy": "true" });
  const load = async (/** @type {string | null} */ cursor) => {
    try {
      const page = await listOrders({ limit: PER_PAGE, cursor }, signal);
      list.append(...page.items.map(row));
      list.hidden = !list.hasChildNodes();
      const more = h("button", { type: "button", class: "wide", onclick: () => load(page.next) }, "Show more");
      fill(foot, page.next ? more : list.hidden && emptyNotice("No orders yet", h("a", { href: "#/" }, "Look around the catalogue")));
    } catch (error) {
      if (!signal.aborted) fill(foot, problemNotice(error));
    }
    foot.removeAttribute("aria-busy");
  };
  load(null);
  return h("section", { "aria-labelledby": "own" }, h("h2", { id: "own" }, "Yours"), list, foot);
}

/**
 * @param {import("../guest_orders.js").GuestOrder[]} orders
 * @param {AbortSignal} signal
 * @returns {HTMLElement}
 */
function guestSection(orders, signal) {
  return h("section", { "aria-labelledby": "guest" },
    h("h2", { id: "guest" }, "Ordered as a guest in this browser"),
    h("ul", { class: "orders panel", role: "list" }, orders.map((kept, i) => {
      const line = row({ ...kept, createdAt: kept.placedAt, status: "" });
      if (i < STATUSES_ASKED) askStatus(kept, line, signal);
      return line;
    })));
}

/**
 * @param {import("../guest_orders.js").GuestOrder} kept
 * @param {HTMLElement} line
 * @param {AbortSignal} signal
 */
async function askStatus({ orderId, token }, line, signal) {
  try {
    const { status } = await getOrder(orderId, token, signal);
    line.querySelector(".pill-place")?.replaceChildren(pill(status));
  } catch (error) {
    if (!(error instanceof Problem) || ![401, 403, 404].includes(error.status)) return;
    const forget = () => {
      forgetGuestOrder(orderId);
      line.remove();
    };
    line.querySelector(".pill-place")?.replaceChildren(
      h("span", { class: "quiet" }, "Out of reach "), h("button", { type: "button", class: "link", onclick: forget, "aria-label": `Forget order ${orderId}` }, "Forget"));
  }
}

/**
 * @param {{orderId: string, status: string, total: string, currency: string, createdAt: string}} order
 * @returns {HTMLLIElement}
 */
function row({ orderId, status, total, currency, createdAt }) {
  return h("li", { class: "order-row" },
    h("a", { href: `#/orders/${encodeURIComponent(orderId)}` }, showTime(createdAt, { dateStyle: "medium", timeStyle: "short" }), h("code", { class: "quiet" }, orderId)),
    h("span", { class: "pill-place" }, status && pill(status)),
    h("span", { class: "price" }, showPrice(total, currency)));
}
