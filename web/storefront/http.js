/**
 * One request to the shop's API: JSON out, JSON in, every failure a `Problem` that can be shown in words.
 */

/** @typedef {{field: string, detail: string}} FieldError */
/** @typedef {{body?: unknown, token?: string | null, headers?: Record<string, string>, signal?: AbortSignal, timeoutMs?: number}} RequestOptions */

const TIMEOUT_MS = 20_000;

/** A refusal or a failure, after RFC 9457. `status` is 0 when no answer came. */
export class Problem extends Error {
  /**
   * @param {{status: number, code: string, detail?: string, traceId?: string | null, errors?: FieldError[]}} facts
   */
  constructor({ status, code, detail = "", traceId = null, errors = [] }) {
    super(detail || code);
    this.name = "Problem";
    this.status = status;
    this.code = code;
    this.detail = detail;
    this.traceId = traceId;
    this.errors = errors;
  }

  /** True when the request may have been carried out although no answer says so. */
  get unsure() {
    return this.status === 0 || this.status >= 500;
  }
}

/**
 * @param {string} method
 * @param {string} path with its query
 * @param {RequestOptions} [options]
 * @returns {Promise<any>} the parsed body, null when there is none
 * @throws {Problem} on any answer that is not 2xx, and when none came
 * @throws {DOMException} AbortError, when the caller's signal ended it
 */
export async function request(method, path, { body, token, headers = {}, signal, timeoutMs = TIMEOUT_MS } = {}) {
  /** @type {Record<string, string>} */
  const kind = body === undefined ? {} : { "Content-Type": "application/json" };
  const sent = { Accept: "application/json", ...kind, ...bearer(token), ...headers };
  const limits = [AbortSignal.timeout(timeoutMs), ...(signal ? [signal] : [])];
  let response;
  let text;
  try {
    response = await fetch(path, {
      method, headers: sent, cache: "no-store", signal: AbortSignal.any(limits),
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    text = await response.text();
  } catch (error) {
    signal?.throwIfAborted();
    throw noAnswer(error);
  }
  if (!response.ok) throw problemOf(response, text);
  return text === "" ? null : parsed(text, response);
}

/**
 * @param {string | null | undefined} token
 * @returns {Record<string, string>}
 */
export function bearer(token) {
  return token ? { Authorization: `Bearer ${token}` } : {};
}

/**
 * The problem that a refusal carries; one made from the status when the body is not problem+json.
 * @param {Response} response
 * @param {string} text
 * @returns {Problem}
 */
export function problemOf(response, text) {
  const status = response.status;
  try {
    const facts = JSON.parse(text);
    if (facts && typeof facts === "object") return new Problem({ code: `http_${status}`, status, ...facts });
  } catch {
    // Not JSON: a proxy's page, perhaps. The status says what is known.
  }
  return new Problem({ status, code: `http_${status}`, detail: `The shop answered ${status}.` });
}

/**
 * @param {unknown} error what fetch threw
 * @returns {Problem}
 */
function noAnswer(error) {
  const late = error instanceof DOMException && error.name === "TimeoutError";
  const detail = late ? "The shop took too long to answer." : "The shop could not be reached.";
  return new Problem({ status: 0, code: "no_answer", detail });
}

/**
 * @param {string} text
 * @param {Response} response
 * @returns {unknown}
 */
function parsed(text, response) {
  try {
    return JSON.parse(text);
  } catch {
    throw new Problem({ status: response.status, code: "not_json", detail: "The answer could not be read." });
  }
}
