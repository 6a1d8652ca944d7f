/**
 * The mailbox page: the mails that the token at hand may read, a page at a time, and one of them in full.
 */
import { listMails } from "../storefront/api.js";
import { announce, fill, h } from "../storefront/dom.js";
import { emptyNotice, field, problemNotice } from "../storefront/notices.js";
import { counted } from "../storefront/words.js";
import { findKey, forgetToken, giveToken } from "./key.js";
import { mailRow, mailText } from "./reading.js";

/** @typedef {import("../storefront/api.js").Mail} Mail */

const PER_PAGE = 30;
const LOOK_AGAIN_MS = 1_500;
const LOOKS = 12;

const part = (/** @type {string} */ id) => /** @type {HTMLElement} */ (document.getElementById(id));
const [whose, notice, keyPlace, box, list, more, reading, forget, refresh] =
  ["whose", "notice", "key", "mailbox", "mails", "more", "reading", "forget", "refresh"].map(part);

let visit = new AbortController();

/** Shows the mailbox for the key of now. */
function open() {
  visit.abort();
  visit = new AbortController();
  const key = findKey();
  whose.textContent = key?.whose ?? "";
  forget.hidden = !key?.given;
  refresh.hidden = !key;
  box.hidden = true;
  fill(notice);
  fill(keyPlace);
  fill(list);
  fill(more);
  if (key) load(key, null, visit.signal, 0);
  else fill(keyPlace, keyForm());
}

/**
 * @param {import("./key.js").Key} key
 * @param {string | null} cursor
 * @param {AbortSignal} signal
 * @param {number} looks how often an order's mail was already looked for in vain
 */
async function load(key, cursor, signal, looks) {
  fill(more);
  try {
    const page = await listMails({ orderId: key.orderId, cursor, limit: PER_PAGE }, key.token, signal);
    fill(notice);
    if (page.items.length === 0 && !cursor) return showNone(key, signal, looks);
    box.hidden = false;
    const rows = page.items.map((mail) => mailRow(mail, read));
    list.append(...rows);
    if (!cursor) read(page.items[0], /** @type {HTMLElement} */ (rows[0].firstElementChild), false);
    announce(`${counted(list.children.length, "mail")} shown`);
    const next = page.next;
    if (next) fill(more, h("button", { type: "button", class: "wide", onclick: () => load(key, next, signal, 0) }, "Show more"));
  } catch (error) {
    if (signal.aborted) return;
    fill(notice, problemNotice(error));
    if (!cursor) fill(keyPlace, keyForm());
  }
}

/**
 * Says that there is no mail. A mail about an order is written after the order has settled, so the page looks again.
 * @param {import("./key.js").Key} key
 * @param {AbortSignal} signal
 * @param {number} looks
 */
function showNone(key, signal, looks) {
  const waiting = key.orderId !== null && looks < LOOKS;
  if (looks === 0 || !waiting) fill(notice, emptyNotice("No mail yet", waiting ? "It will appear here by itself." : "Mails come when orders settle."));
  if (!waiting) return;
  const timer = setTimeout(() => load(key, null, signal, looks + 1), LOOK_AGAIN_MS);
  signal.addEventListener("abort", () => clearTimeout(timer), { once: true });
}

/**
 * @param {Mail} mail
 * @param {HTMLElement} row
 * @param {boolean} [byHand] false when the page opened it by itself
 */
function read(mail, row, byHand = true) {
  list.querySelector("[aria-current]")?.removeAttribute("aria-current");
  row.setAttribute("aria-current", "true");
  fill(reading, ...mailText(mail));
  if (byHand) reading.focus({ preventScroll: matchMedia("(min-width: 56rem)").matches });
}

/** @returns {HTMLElement} */
function keyForm() {
  const form = h("form", { class: "key-form panel" },
    h("p", null, "Sign in at the ", h("a", { href: "/#/account" }, "shop"), " to read your mail, or open an order there and follow its link."),
    h("p", null, "Who runs the shop reads every mail with the token that ", h("code", null, "souk token --admin"), " prints."),
    field({ name: "token", label: "Token", type: "password", required: true, autocomplete: "off", spellcheck: "false" }),
    h("div", null, h("button", { class: "primary" }, "Open the mailbox")));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    giveToken(String(new FormData(form).get("token")).trim());
    open();
  });
  return form;
}

document.getElementById("skip")?.addEventListener("click", (event) => {
  event.preventDefault();
  part("main").focus();
});
forget.addEventListener("click", () => {
  forgetToken();
  open();
});
refresh.addEventListener("click", open);
window.addEventListener("hashchange", open);
open();
