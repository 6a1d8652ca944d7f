/**
 * Mails as rows of a list, and one mail in full.
 */
import { h } from "../storefront/dom.js";
import { showTime } from "../storefront/words.js";

/** @typedef {import("../storefront/api.js").Mail} Mail */

const SENT_WORDS = new Map([["SENT", "Sent"], ["NO_ADDRESS", "Not sent: no address is known"]]);

/**
 * @param {Mail} mail
 * @param {(mail: Mail, row: HTMLElement) => void} open
 * @returns {HTMLLIElement}
 */
export function mailRow(mail, open) {
  const row = h("button", { type: "button", class: "mail-row" },
    h("span", { class: "mail-subject" }, mail.subject),
    h("time", { class: "quiet", datetime: mail.createdAt }, showTime(mail.createdAt, { dateStyle: "short", timeStyle: "short" })),
    h("span", { class: "quiet" }, mail.to ?? "no address"));
  row.addEventListener("click", () => open(mail, row));
  return h("li", null, row);
}

/**
 * @param {Mail} mail
 * @returns {Node[]}
 */
export function mailText(mail) {
  const fact = (/** @type {string} */ name, /** @type {import("../storefront/dom.js").Child} */ value) => [h("dt", null, name), h("dd", null, value)];
  return [
    h("h2", null, mail.subject),
    h("dl", { class: "mail-facts" },
      fact("To", mail.to ?? "no address"),
      fact("Written", h("time", { datetime: mail.createdAt }, showTime(mail.createdAt))),
      fact("State", SENT_WORDS.get(mail.status) ?? mail.status),
      mail.orderId ? fact("Order", h("a", { href: `/#/orders/${encodeURIComponent(mail.orderId)}` }, h("code", null, mail.orderId))) : []),
    h("pre", { class: "mail-body" }, mail.body),
  ];
}
