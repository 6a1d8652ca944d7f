/**
 * Who is signed in, in this tab alone: the token lies in sessionStorage and is gone when the tab closes.
 */
import { recall, remember } from "./storage.js";

/** @typedef {{token: string, email: string, name: string, expiresAt: number}} Session */

const KEY = "souk.session";
const events = new EventTarget();

export const session = {
  /** @returns {Session | null} the session, unless it is over */
  get current() {
    /** @type {Session | null} */
    const kept = recall("sessionStorage", KEY);
    return kept && kept.expiresAt > Date.now() ? kept : null;
  },

  /** @returns {string | null} */
  get token() {
    return session.current?.token ?? null;
  },

  /**
   * @param {{token: string, expiresIn: number}} answer of POST /sessions, `expiresIn` in seconds
   * @param {{email: string, name?: string}} person
   */
  start({ token, expiresIn }, { email, name = "" }) {
    remember("sessionStorage", KEY, { token, email, name, expiresAt: Date.now() + expiresIn * 1000 });
    events.dispatchEvent(new Event("change"));
  },

  end() {
    remember("sessionStorage", KEY, null);
    events.dispatchEvent(new Event("change"));
  },

  /**
   * @param {() => void} listener
   * @param {AbortSignal} [signal] ends the listening
   */
  onChange(listener, signal) {
    events.addEventListener("change", listener, { signal });
  },
};
