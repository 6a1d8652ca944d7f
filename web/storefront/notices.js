/**
 * Errors in words: what went wrong, in which field, and the trace id by which the shop's people can find it.
 */
import { h } from "./dom.js";
import { Problem } from "./http.js";
import { reasonWords } from "./words.js";

/** @typedef {import("./http.js").FieldError} FieldError */

/**
 * A notice that screen readers read out at once.
 * @param {unknown} error
 * @param {{leftOver?: FieldError[], actions?: Node[], heading?: string}} [extra] the field errors that no field shows
 * @returns {HTMLElement}
 */
export function problemNotice(error, { leftOver, actions = [], heading } = {}) {
  const problem = asProblem(error);
  const fields = leftOver ?? problem.errors;
  return h("div", { class: "notice bad", role: "alert" },
    h("p", { class: "notice-title" }, heading ?? reasonWords(problem.code)),
    problem.detail && h("p", null, problem.detail),
    fields.length > 0 && h("ul", null, fields.map(({ field, detail }) => h("li", null, h("b", null, field), `: ${detail}`))),
    problem.traceId && h("p", { class: "trace" }, "Trace ", h("code", null, problem.traceId)),
    actions.length > 0 && h("div", { class: "actions" }, actions));
}

/**
 * @param {string} title
 * @param {...import("./dom.js").Child} content
 * @returns {HTMLElement}
 */
export function emptyNotice(title, ...content) {
  return h("div", { class: "empty" }, h("h2", null, title), h("p", null, ...content));
}

/**
 * Writes each field's error beside the field, and leaves the first wrong one in focus.
 * @param {HTMLFormElement} form
 * @param {unknown} error
 * @returns {FieldError[]} the errors whose field the form does not have
 */
export function markFields(form, error) {
  clearMarks(form);
  const errors = asProblem(error).errors;
  const leftOver = errors.filter(({ field, detail }) => {
    const input = form.elements.namedItem(lastPart(field));
    if (!(input instanceof HTMLInputElement)) return true;
    const note = document.getElementById(`${input.id}-error`);
    if (!note) return true;
    input.setAttribute("aria-invalid", "true");
    note.textContent = detail;
    return false;
  });
  const wrong = form.querySelector("[aria-invalid]");
  if (wrong instanceof HTMLInputElement) wrong.focus();
  return leftOver;
}

/** @param {HTMLFormElement} form */
export function clearMarks(form) {
  for (const input of form.querySelectorAll("[aria-invalid]")) input.removeAttribute("aria-invalid");
  for (const note of form.querySelectorAll(".field-error")) note.textContent = "";
}

/**
 * A labelled input with room for its error.
 * @param {{name: string, label: string, hint?: string, id?: string} & import("./dom.js").Props} props the rest goes to the input
 * @returns {HTMLElement}
 */
export function field({ name, label, hint, id = `field-${name}`, ...input }) {
  const told = hint ? `${id}-hint ${id}-error` : `${id}-error`;
  return h("div", { class: "field" },
    h("label", { for: id }, label),
    h("input", { id, name, "aria-describedby": told, ...input }),
    hint && h("p", { class: "hint", id: `${id}-hint` }, hint),
    h("p", { class: "field-error", id: `${id}-error` }));
}

/**
 * @param {unknown} error
 * @returns {Problem}
 */
function asProblem(error) {
  if (error instanceof Problem) return error;
  console.error(error);
  return new Problem({ status: 0, code: "this_page_failed", detail: String(error) });
}

/**
 * The field's own name: `$.items[0].quantity` ends in `quantity`.
 * @param {string} path
 * @returns {string}
 */
function lastPart(path) {
  return path.split(/[.\]]/).filter(Boolean).pop() ?? path;
}
