/**
 * The catalogue: a search that follows the typing, and cards that come page by page.
 */
import { listProducts } from "../api.js";
import { tile } from "../art/tile.js";
import { announce, fill, h } from "../dom.js";
import { emptyNotice, problemNotice } from "../notices.js";
import { rename } from "../router.js";
import { counted } from "../words.js";
import { card } from "./card.js";

/** @typedef {import("../api.js").Product} Product */

const DEBOUNCE_MS = 250;
const PER_PAGE = 24;
const FRESH_MS = 60_000;

/** What was shown last, so that going back finds it at once. @type {{q: string, items: Product[], next: string | null, at: number}} */
let shown = { q: "", items: [], next: null, at: -Infinity };

/**
 * @param {import("../router.js").Visit} visit
 * @returns {import("../router.js").Screen}
 */
export function catalogueView({ query, signal }) {
  const results = h("section", { "aria-label": "Products", class: "results" });
  const input = h("input", { type: "search", id: "search", name: "q", value: query.get("q") ?? "", placeholder: "Name or number", autocomplete: "off", maxlength: 100 });
  const search = finder(results, signal);
  let timer = 0;
  input.addEventListener("input", () => {
    clearTimeout(timer);
    timer = window.setTimeout(() => search(input.value.trim()), DEBOUNCE_MS);
  });
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    clearTimeout(timer);
    search(input.value.trim());
  };
  signal.addEventListener("abort", () => clearTimeout(timer));
  search(input.value.trim());
  return {
    title: "Catalogue",
    node: h("div", null,
      h("section", { class: "hero" },
        h("div", { class: "hero-text" },
          h("h1", null, "What are you looking for?"),
          h("form", { role: "search", class: "search", onsubmit: submit }, h("label", { for: "search", class: "hidden-text" }, "Search the catalogue"), input, h("button", { class: "primary" }, "Search"))),
        mosaic()),
      results),
  };
}

/**
 * The search of one visit: a new one ends the one under way.
 * @param {HTMLElement} results
 * @param {AbortSignal} left
 * @returns {(q: string) => Promise<void>}
 */
function finder(results, left) {
  let latest = new AbortController();
  return async (q) => {
    latest.abort();
    latest = new AbortController();
    rename(q ? `/?q=${encodeURIComponent(q)}` : "/");
    if (shown.q === q && Date.now() - shown.at < FRESH_MS) return showResults(results, left);
    if (!results.hasChildNodes()) fill(results, skeleton());
    results.setAttribute("aria-busy", "true");
    try {
      const page = await listProducts({ q, limit: PER_PAGE }, AbortSignal.any([latest.signal, left]));
      shown = { q, ...page, at: Date.now() };
      showResults(results, left);
      announce(found());
    } catch (error) {
      if (latest.signal.aborted || left.aborted) return;
      fill(results, problemNotice(error, { actions: [h("button", { type: "button", onclick: () => location.reload() }, "Try again")] }));
    }
    results.removeAttribute("aria-busy");
  };
}

/**
 * @param {HTMLElement} results
 * @param {AbortSignal} left
 */
function showResults(results, left) {
  if (shown.items.length === 0) return fill(results, nothing());
  const list = h("ul", { class: "grid", role: "list" }, shown.items.map(card));
  const foot = h("div", { class: "more" });
  fill(results, h("h2", { class: "results-title" }, shown.q ? `Results for “${shown.q}”` : "All products"), list, foot);
  showMore(list, foot, left);
}

/**
 * @param {HTMLElement} list
 * @param {HTMLElement} foot
 * @param {AbortSignal} left
 */
function showMore(list, foot, left) {
  if (!shown.next) return fill(foot, h("p", { class: "quiet" }, `${found()}. That is all.`));
  const button = h("button", { type: "button", class: "wide" }, "Show more");
  button.addEventListener("click", async () => {
    button.disabled = true;
    try {
      const page = await listProducts({ q: shown.q, limit: PER_PAGE, cursor: shown.next }, left);
      shown = { ...shown, items: [...shown.items, ...page.items], next: page.next, at: Date.now() };
      const fresh = page.items.map(card);
      list.append(...fresh);
      showMore(list, foot, left);
      fresh[0]?.querySelector("a")?.focus({ preventScroll: true });
      announce(`${counted(page.items.length, "more product")} shown`);
    } catch (error) {
      if (!left.aborted) fill(foot, problemNotice(error), button);
      button.disabled = false;
    }
  });
  fill(foot, button);
}

/** @returns {string} */
const found = () => `${counted(shown.items.length, "product")}${shown.next ? " and more" : ""}`;

/** @returns {HTMLElement} */
function nothing() {
  if (shown.q) return emptyNotice("No product matches", `Nothing is called or numbered “${shown.q}”.`);
  return emptyNotice("The shelves are empty", "Put products in through the ", h("a", { href: "/docs" }, "API"), ", or replay a trade history with ", h("code", null, "souk replay FILE"), ".");
}

/** @returns {HTMLElement} */
function mosaic() {
  const ids = ["souk-1", "souk-4", "souk-7", "souk-2", "souk-5", "souk-12", "souk-9", "souk-3"];
  return h("div", { class: "mosaic", "aria-hidden": "true" }, ids.map((productId) => tile({ productId, name: "" })));
}

/** @returns {HTMLElement} */
function skeleton() {
  return h("div", { class: "grid", "aria-hidden": "true" }, Array.from({ length: 12 }, () => h("div", { class: "card ghost-card" })));
}
