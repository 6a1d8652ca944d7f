/**
 * The shop's states and reasons in words that a customer reads.
 */

/** @typedef {{label: string, told: string, tone: "busy" | "good" | "bad" | "calm"}} Wording */

/** @type {Record<string, Wording>} */
const STATUS = {
  PENDING: { label: "Placed", told: "We have your order and are setting the goods aside.", tone: "busy" },
  RESERVED: { label: "Reserved", told: "The goods are yours. We are asking for the payment.", tone: "busy" },
  CONFIRMED: { label: "Confirmed", told: "Paid and confirmed. Thank you!", tone: "good" },
  SHIPPED: { label: "Shipped", told: "Your parcel is on its way.", tone: "good" },
  DELIVERED: { label: "Delivered", told: "Your parcel has arrived.", tone: "good" },
  REJECTED: { label: "Rejected", told: "We do not have enough in stock. Nothing was charged.", tone: "bad" },
  CANCELLED: { label: "Cancelled", told: "This order was cancelled. Whatever was charged is paid back.", tone: "bad" },
  RETURNED: { label: "Returned", told: "Everything came back, and your money with it.", tone: "calm" },
};

const ROAD = ["PENDING", "RESERVED", "CONFIRMED", "SHIPPED", "DELIVERED"];
const CANCELLABLE = new Set(["PENDING", "RESERVED", "CONFIRMED"]);
const RETURNABLE = new Set(["CONFIRMED", "SHIPPED", "DELIVERED"]);

/**
 * @param {string} status
 * @returns {Wording}
 */
export const wording = (status) => STATUS[status] ?? { label: status, told: "", tone: "calm" };

/**
 * @param {string} status
 * @returns {boolean} true when nothing more happens by itself
 */
export const isSettled = (status) => status !== "PENDING" && status !== "RESERVED";

/** @param {string} status */
export const canCancel = (status) => CANCELLABLE.has(status);

/** @param {string} status */
export const canReturn = (status) => RETURNABLE.has(status);

/**
 * The states that still lie ahead when all goes well.
 * @param {string} status
 * @returns {string[]}
 */
export function ahead(status) {
  const at = ROAD.indexOf(status);
  return at < 0 ? [] : ROAD.slice(at + 1);
}

/**
 * A reason code as words: `card_declined` reads "Card declined".
 * @param {string | null | undefined} reason
 * @returns {string}
 */
export function reasonWords(reason) {
  if (!reason) return "";
  const words = /^[a-z0-9_]+$/.test(reason) ? reason.replaceAll("_", " ") : reason;
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/**
 * @param {string} iso
 * @param {Intl.DateTimeFormatOptions} [style]
 * @returns {string} the moment in the visitor's zone and way of writing; the text itself when it is no date
 */
export function showTime(iso, style = { dateStyle: "medium", timeStyle: "medium" }) {
  const moment = new Date(iso);
  return Number.isNaN(moment.getTime()) ? iso : new Intl.DateTimeFormat(undefined, style).format(moment);
}

/**
 * @param {number} count
 * @param {string} one
 * @param {string} [many]
 * @returns {string} "1 product", "2 products"
 */
export function counted(count, one, many = `${one}s`) {
  return `${new Intl.NumberFormat().format(count)} ${count === 1 ? one : many}`;
}
