/**
 * The shop's operations, as its HTTP API names them. Prices stay decimal strings here: money.js does the sums.
 */
import { request } from "./http.js";
import { session } from "./session.js";

/** @typedef {{productId: string, name: string, description?: string | null, price: string, currency: string, inventory: number, updatedAt?: string}} Product */
/** @typedef {{productId: string, quantity: number, unitPrice: string}} OrderLine */
/** @typedef {{items: OrderLine[], total: string, email?: string, paymentMethod: string}} NewOrder */
/** @typedef {{orderId: string, status: string, total: string, currency: string, token?: string | null}} Receipt */
/** @typedef {OrderLine & {itemId: string, returned: number}} Item */
/** @typedef {{status: string, at: string, reason?: string | null}} Step */
/** @typedef {{productId: string, requested: number, available: number}} Short */
/** @typedef {{orderId: string, customerId: string | null, status: string, total: string, currency: string, items: Item[], history: Step[], shortItems: Short[], pricesCached: boolean, createdAt: string, updatedAt: string}} Order */
/** @typedef {{mailId: string, orderId: string | null, to: string | null, subject: string, body: string, status: string, createdAt: string}} Mail */
/** @template T @typedef {{items: T[], next: string | null}} Page */

/**
 * @param {{q?: string, cursor?: string | null, limit?: number}} query
 * @param {AbortSignal} [signal]
 * @returns {Promise<Page<Product>>}
 */
export const listProducts = (query, signal) => request("GET", `/products${queryOf(query)}`, { signal });

/**
 * @param {string} productId
 * @param {AbortSignal} [signal]
 * @returns {Promise<Product>}
 */
export const getProduct = (productId, signal) => request("GET", `/products/${encodeURIComponent(productId)}`, { signal });

/**
 * @param {NewOrder} order
 * @param {string} idempotencyKey makes a repeat of the same order safe
 * @returns {Promise<Receipt>}
 */
export const placeOrder = (order, idempotencyKey) =>
  request("POST", "/orders", { body: order, token: session.token, headers: { "Idempotency-Key": idempotencyKey } });

/**
 * @param {string} orderId
 * @param {string | null} token
 * @param {AbortSignal} [signal]
 * @returns {Promise<Order>}
 */
export const getOrder = (orderId, token, signal) => request("GET", orderPath(orderId), { token, signal });

/**
 * @param {{cursor?: string | null, limit?: number}} query
 * @param {AbortSignal} [signal]
 * @returns {Promise<Page<Receipt & {createdAt: string}>>}
 */
export const listOrders = (query, signal) => request("GET", `/orders${queryOf(query)}`, { token: session.token, signal });

/**
 * @param {string} orderId
 * @param {string | null} token
 * @returns {Promise<unknown>}
 */
export const cancelOrder = (orderId, token) => request("POST", `${orderPath(orderId)}/cancel`, { token });

/**
 * @param {string} orderId
 * @param {{productId: string, quantity: number}[]} items
 * @param {string} idempotencyKey makes a repeat of the same return safe
 * @param {string | null} token
 * @returns {Promise<unknown>}
 */
export const returnItems = (orderId, items, idempotencyKey, token) =>
  request("POST", `${orderPath(orderId)}/returns`, { token, body: { items }, headers: { "Idempotency-Key": idempotencyKey } });

/**
 * @param {{orderId?: string | null, cursor?: string | null, limit?: number}} query
 * @param {string} token
 * @param {AbortSignal} [signal]
 * @returns {Promise<Page<Mail>>}
 */
export const listMails = (query, token, signal) => request("GET", `/mails${queryOf(query)}`, { token, signal });

/**
 * @param {{email: string, password: string, name: string}} account
 * @returns {Promise<{userId: string}>}
 */
export const register = (account) => request("POST", "/users", { body: account });

/**
 * @param {{email: string, password: string}} credentials
 * @returns {Promise<{token: string, expiresIn: number}>}
 */
export const signIn = (credentials) => request("POST", "/sessions", { body: credentials });

/**
 * @param {string} orderId
 * @returns {string}
 */
export const orderPath = (orderId) => `/orders/${encodeURIComponent(orderId)}`;

/**
 * @param {Record<string, string | number | null | undefined>} query empty values are left out
 * @returns {string}
 */
function queryOf(query) {
  const given = Object.entries(query).filter(([, value]) => value !== undefined && value !== null && value !== "");
  return given.length ? `?${new URLSearchParams(given.map(([name, value]) => [name, String(value)]))}` : "";
}
