/**
 * Which token opens the mailbox: one given in the address or pasted, a guest order's, or the signed-in customer's.
 */
import { guestToken } from "../storefront/guest_orders.js";
import { session } from "../storefront/session.js";
import { recall, remember } from "../storefront/storage.js";

/** @typedef {{token: string, whose: string, orderId: string | null, given: boolean}} Key */

const KEPT = "souk.mailbox.token";

/**
 * The key to use now. A token in the address is taken out of it at once, so that it stays in no history and no screenshot.
 * @returns {Key | null} null when nobody is known
 */
export function findKey() {
  const asked = new URLSearchParams(location.hash.slice(1));
  const orderId = asked.get("order");
  const brought = asked.get("token");
  if (asked.has("token")) {
    asked.delete("token");
    const rest = asked.toString();
    history.replaceState(null, "", location.pathname + location.search + (rest ? `#${rest}` : ""));
  }
  if (brought) remember("sessionStorage", KEPT, brought);
  const about = orderId ? ` about order ${orderId}` : "";
  const given = recall("sessionStorage", KEPT);
  if (typeof given === "string") return { token: given, whose: `Mail${about} that the given token may read`, orderId, given: true };
  const guest = orderId ? guestToken(orderId) : null;
  if (guest) return { token: guest, whose: `Mail${about}`, orderId, given: false };
  const person = session.current;
  if (person) return { token: person.token, whose: `Mail${about} to ${person.email}`, orderId, given: false };
  return null;
}

/** @param {string} token pasted by hand */
export function giveToken(token) {
  remember("sessionStorage", KEPT, token);
}

export function forgetToken() {
  remember("sessionStorage", KEPT, null);
}
