/**
 * The orders of a guest, kept in this browser: the token that came with an order is the only key to it.
 */
import { recall, remember } from "./storage.js";

/** @typedef {{orderId: string, token: string, total: string, currency: string, placedAt: string}} GuestOrder */

const KEY = "souk.guest-orders";
const KEPT = 100;

/** @returns {GuestOrder[]} newest first */
export function guestOrders() {
  const kept = recall("localStorage", KEY);
  return Array.isArray(kept) ? kept : [];
}

/** @param {GuestOrder} order */
export function keepGuestOrder(order) {
  const others = guestOrders().filter((kept) => kept.orderId !== order.orderId);
  remember("localStorage", KEY, [order, ...others].slice(0, KEPT));
}

/** @param {string} orderId */
export function forgetGuestOrder(orderId) {
  remember("localStorage", KEY, guestOrders().filter((kept) => kept.orderId !== orderId));
}

/**
 * @param {string} orderId
 * @returns {string | null} the token for that order alone
 */
export function guestToken(orderId) {
  return guestOrders().find((kept) => kept.orderId === orderId)?.token ?? null;
}
