/**
 * Shows the view that the address names after `#`, and ends the work of the one before. Going back finds the place
 * where the page was left.
 */
import { clearToasts, fill } from "./dom.js";

/** @typedef {{params: string[], query: URLSearchParams, signal: AbortSignal}} Visit */
/** @typedef {{title: string, node: Node}} Screen */
/** @typedef {{path: RegExp, nav: string, view: (visit: Visit) => Screen}} Route */

/** @type {Map<string, number>} */
const places = new Map();
let leaving = new AbortController();
let byClick = false;

/**
 * @param {Route[]} routes the last one takes what no other does
 * @param {HTMLElement} outlet
 */
export function start(routes, outlet) {
  history.scrollRestoration = "manual";
  document.addEventListener("click", (event) => {
    byClick = event.target instanceof Element && event.target.closest('a[href^="#"]') !== null;
    if (byClick) clearToasts();
  });
  window.addEventListener("hashchange", (event) => {
    places.set(new URL(event.oldURL).hash, window.scrollY);
    const place = byClick ? 0 : places.get(location.hash) ?? 0;
    byClick = false;
    show(routes, outlet);
    window.scrollTo(0, place);
    outlet.querySelector("h1")?.focus({ preventScroll: true });
  });
  show(routes, outlet);
}

/**
 * Goes to a path.
 * @param {string} path for example "/basket"
 */
export function go(path) {
  byClick = true;
  clearToasts();
  location.hash = path;
}

/**
 * Changes the address without showing anything anew.
 * @param {string} path
 */
export function rename(path) {
  history.replaceState(history.state, "", `#${path}`);
}

/**
 * @param {Route[]} routes
 * @param {HTMLElement} outlet
 */
function show(routes, outlet) {
  leaving.abort();
  leaving = new AbortController();
  const { pathname, searchParams } = new URL(location.hash.slice(1) || "/", location.origin);
  const route = routes.find(({ path }) => path.test(pathname)) ?? routes[routes.length - 1];
  const params = (route.path.exec(pathname) ?? []).slice(1).map(decoded);
  const { title, node } = route.view({ params, query: searchParams, signal: leaving.signal });
  document.title = `${title} · Souk`;
  fill(outlet, node);
  outlet.querySelector("h1")?.setAttribute("tabindex", "-1");
  for (const link of document.querySelectorAll("[data-nav]")) {
    if (link.getAttribute("data-nav") === route.nav) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}

/**
 * @param {string} part
 * @returns {string}
 */
function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
