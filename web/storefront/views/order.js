/**
 * One order, live: its status moves while the shop works on it.
 */
import { getOrder, getProduct } from "../api.js";
import { announce, fill, h } from "../dom.js";
import { guestToken } from "../guest_orders.js";
import { problemNotice } from "../notices.js";
import { session } from "../session.js";
import { follow } from "../stream.js";
import { isSettled, wording } from "../words.js";
import { cancelPanel, returnPanel } from "./order_actions.js";
import { itemTable, pill, shortNotice, showLink, timeline } from "./order_parts.js";

/** @typedef {import("../api.js").Order} Order */
/** @typedef {{orderId: string, token: string | null, order: Order | null, names: Map<string, string>, place: HTMLElement, link: HTMLElement, signal: AbortSignal}} Page */

/**
 * @param {import("../router.js").Visit} visit
 * @returns {import("../router.js").Screen}
 */
export function orderView({ params: [orderId], signal }) {
  const place = h("div", { "aria-busy": "true" });
  const link = h("p", { class: "link-state", hidden: true });
  /** @type {Page} */
  const page = { orderId, token: guestToken(orderId) ?? session.token, order: null, names: new Map(), place, link, signal };
  open(page).catch((error) => {
    if (!signal.aborted) fill(place, problemNotice(error, { actions: refusedActions(orderId) }));
  });
  // A parcel moves on while the page lies in the background.
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && page.order && isSettled(page.order.status)) reload(page).catch(() => showLink(link, "waiting"));
  }, { signal });
  return {
    title: "Order",
    node: h("section", null,
      h("p", { class: "crumb" }, h("a", { href: "#/orders" }, "← Orders")),
      h("div", { class: "order-head" }, h("div", null, h("h1", null, "Your order"), h("p", { class: "quiet" }, "No. ", h("code", { class: "order-id" }, orderId))), link),
      place),
  };
}

/** @param {Page} page */
async function open(page) {
  await reload(page);
  learnNames(page);
  if (!page.order || isSettled(page.order.status)) return;
  await follow(page.orderId, page.token, {
    onStep: (step) => show(page, withStep(page.order, step)),
    onOrder: (order) => show(page, order),
    onLink: (state) => showLink(page.link, state),
  }, page.signal);
}

/** @param {Page} page */
async function reload(page) {
  show(page, await getOrder(page.orderId, page.token, page.signal));
}

/**
 * @param {Page} page
 * @param {Order | null} order
 */
function show(page, order) {
  if (!order) return;
  const { label, told, tone } = wording(order.status);
  if (page.order && page.order.status !== order.status) announce(`Order ${label.toLowerCase()}. ${told}`);
  page.order = order;
  const panel = h("div", { class: `status-panel ${tone}`, tabindex: "-1" }, pill(order.status), h("p", null, told));
  // The pressed button is gone after an action: the focus goes to what it changed.
  const again = async () => {
    await reload(page);
    page.place.querySelector("div")?.focus({ preventScroll: true });
  };
  fill(page.place,
    panel,
    shortNotice(order, page.names),
    order.pricesCached && h("p", { class: "notice calm" }, "The price list was out of reach: this order uses the last prices known."),
    h("div", { class: "columns" },
      h("div", { class: "stack" },
        h("div", { class: "panel" }, h("h2", null, "Items"), itemTable(order, page.names)),
        returnPanel(order, page.names, page.token, again)),
      h("aside", { class: "panel", "aria-label": "Status" },
        h("h2", null, "History"), timeline(order),
        h("p", null, h("a", { href: `/mailbox#order=${encodeURIComponent(order.orderId)}` }, "Mail about this order")),
        cancelPanel(order, page.token, again))));
  page.place.removeAttribute("aria-busy");
}

/**
 * The order with one more step, unless it is known already: an order passes through each state once at most.
 * @param {Order | null} order
 * @param {import("../api.js").Step} step
 * @returns {Order | null}
 */
function withStep(order, { status, at, reason }) {
  if (!order || order.history.some((known) => known.status === status)) return order;
  return { ...order, status, history: [...order.history, { status, at, reason }] };
}

/**
 * Names are the catalogue's: an order keeps ids. A name that cannot be had leaves the id standing.
 * @param {Page} page
 */
async function learnNames(page) {
  const ids = new Set(page.order?.items.map(({ productId }) => productId));
  await Promise.allSettled([...ids].slice(0, 100).map(async (id) => page.names.set(id, (await getProduct(id, page.signal)).name)));
  if (!page.signal.aborted) show(page, page.order);
}

/**
 * @param {string} orderId
 * @returns {Node[]}
 */
function refusedActions(orderId) {
  if (session.token || guestToken(orderId)) return [];
  return [h("a", { class: "button", href: "#/account?next=/orders" }, "Sign in to see your orders")];
}
