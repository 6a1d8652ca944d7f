/**
 * An address that names nothing.
 */
import { h } from "../dom.js";
import { emptyNotice } from "../notices.js";

/** @returns {import("../router.js").Screen} */
export function lostView() {
  return {
    title: "Not found",
    node: h("section", null, h("h1", null, "Nothing here"),
      emptyNotice("This address leads nowhere", h("a", { href: "#/" }, "Back to the catalogue"))),
  };
}
