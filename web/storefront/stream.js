/**
 * The live status of an order. Server-sent events are read by fetch, because EventSource cannot send the
 * Authorization header. When the stream breaks, the order is read once and the stream is tried again, each time later.
 */
import { getOrder, orderPath } from "./api.js";
import { Problem, bearer, problemOf } from "./http.js";
import { isSettled } from "./words.js";

/** @typedef {"connecting" | "live" | "waiting" | "ended"} Link */
/** @typedef {{onStep: (step: import("./api.js").Step) => void, onOrder: (order: import("./api.js").Order) => void, onLink: (link: Link) => void}} Listeners */

const FIRST_BYTE_MS = 6_000;
const SILENCE_MS = 45_000;
const LONGEST_WAIT_MS = 20_000;

/**
 * Follows the order until it has settled or the signal ends it.
 * @param {string} orderId
 * @param {string | null} token
 * @param {Listeners} listeners
 * @param {AbortSignal} signal
 * @returns {Promise<void>}
 * @throws {Problem} when the shop refuses to show this order
 */
export async function follow(orderId, token, { onStep, onOrder, onLink }, signal) {
  for (let failures = 0; ; failures += 1) {
    onLink(failures ? "waiting" : "connecting");
    try {
      for await (const step of steps(orderId, token, signal)) {
        failures = 0;
        onLink("live");
        onStep(step);
      }
    } catch (error) {
      if (signal.aborted || refused(error)) throw error;
    }
    try {
      const order = await getOrder(orderId, token, signal);
      onOrder(order);
      if (isSettled(order.status)) return onLink("ended");
    } catch (error) {
      if (signal.aborted || refused(error)) throw error;
    }
    onLink("waiting");
    await pause(Math.min(LONGEST_WAIT_MS, 400 * 2 ** failures) * (0.75 + Math.random() / 2), signal);
  }
}

/**
 * @param {string} orderId
 * @param {string | null} token
 * @param {AbortSignal} signal
 * @returns {AsyncGenerator<import("./api.js").Step>}
 */
async function* steps(orderId, token, signal) {
  const quiet = new AbortController();
  let timer = setTimeout(() => quiet.abort(), FIRST_BYTE_MS);
  try {
    const response = await fetch(`${orderPath(orderId)}/events`, {
      headers: { Accept: "text/event-stream", ...bearer(token) }, cache: "no-store",
      signal: AbortSignal.any([signal, quiet.signal]),
    });
    if (!response.ok || !response.body) throw problemOf(response, await response.text());
    const alive = () => {
      clearTimeout(timer);
      timer = setTimeout(() => quiet.abort(), SILENCE_MS);
    };
    for await (const { type, data } of events(response.body, alive)) {
      if (type === "error") throw problemOf(response, data);
      if (type === "message") yield JSON.parse(data);
    }
  } finally {
    clearTimeout(timer);
    quiet.abort();
  }
}

/**
 * The events of a stream, after the HTML standard's grammar: lines end with LF, CR or CRLF, a blank line ends the
 * event, a line that starts with a colon is a sign of life.
 * @param {ReadableStream<Uint8Array>} body
 * @param {() => void} [alive] called for every piece that arrives
 * @returns {AsyncGenerator<{type: string, data: string}>}
 */
export async function* events(body, alive = () => {}) {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let rest = "";
  let type = "message";
  /** @type {string[]} */
  let data = [];
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    alive();
    rest += decoder.decode(value, { stream: true });
    // A CR at the very end may be the first half of a CRLF: it waits for what follows.
    const lines = rest.split(/\r\n|\n|\r(?!$)/);
    rest = lines.pop() ?? "";
    for (const line of lines) {
      if (line.startsWith("data:")) data.push(line.slice(5).replace(/^ /, ""));
      if (line.startsWith("event:")) type = line.slice(6).trim();
      if (line !== "") continue;
      if (data.length > 0) yield { type, data: data.join("\n") };
      [type, data] = ["message", []];
    }
  }
}

/**
 * @param {unknown} error
 * @returns {boolean} true for an answer that a repeat would not change
 */
function refused(error) {
  return error instanceof Problem && [400, 401, 403, 404].includes(error.status);
}

/**
 * @param {number} ms
 * @param {AbortSignal} signal
 * @returns {Promise<void>}
 */
function pause(ms, signal) {
  return new Promise((resolve, reject) => {
    const stop = () => reject(signal.reason);
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", stop);
      resolve();
    }, ms);
    signal.addEventListener("abort", () => { clearTimeout(timer); stop(); }, { once: true });
  });
}
