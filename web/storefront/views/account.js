/**
 * Signing in, registering and signing out.
 */
import { register, signIn } from "../api.js";
import { fill, h, toast } from "../dom.js";
import { clearMarks, field, markFields, problemNotice } from "../notices.js";
import { go } from "../router.js";
import { session } from "../session.js";

/**
 * @param {import("../router.js").Visit} visit `next` in the query says where to go once signed in
 * @returns {import("../router.js").Screen}
 */
export function accountView({ query, signal }) {
  const next = /^\/[a-z]*$/.test(query.get("next") ?? "") ? query.get("next") ?? "/" : "/";
  const place = h("div");
  const show = () => fill(place, ...(session.current ? signedIn(session.current) : forms(next)));
  session.onChange(show, signal);
  show();
  return { title: session.current ? "Account" : "Sign in", node: place };
}

/**
 * @param {import("../session.js").Session} person
 * @returns {Node[]}
 */
function signedIn({ name, email }) {
  return [
    h("h1", { tabindex: "-1" }, "Account"),
    h("div", { class: "panel narrow under" },
      h("p", null, "You are signed in as ", h("b", null, name || email), name ? ` (${email}).` : "."),
      h("div", { class: "actions" },
        h("a", { class: "button", href: "#/orders" }, "My orders"),
        h("a", { class: "button", href: "/mailbox" }, "My mail"),
        h("button", { type: "button", onclick: () => session.end() }, "Sign out"))),
  ];
}

/**
 * @param {string} next
 * @returns {Node[]}
 */
function forms(next) {
  const email = { name: "email", label: "Email", type: "email", required: true, maxlength: 254 };
  const password = { label: "Password", type: "password", required: true };
  const enter = personForm("Sign in", "in", [
    field({ ...email, id: "in-email", autocomplete: "username" }),
    field({ ...password, name: "password", id: "in-password", autocomplete: "current-password" }),
  ], (facts) => enterShop(facts, "", next));
  const join = personForm("Create account", "new", [
    field({ name: "name", label: "Name", id: "new-name", required: true, autocomplete: "name", maxlength: 200 }),
    field({ ...email, id: "new-email", autocomplete: "username" }),
    field({ ...password, name: "password", id: "new-password", autocomplete: "new-password", hint: "At least 8 characters.", minlength: 8 }),
  ], async (facts) => {
    await register({ email: facts.email, password: facts.password, name: facts.name });
    await enterShop(facts, facts.name, next);
  });
  return [
    h("h1", { tabindex: "-1" }, "Welcome"),
    h("div", { class: "pair" },
      h("section", { class: "panel", "aria-labelledby": "in-title" }, h("h2", { id: "in-title" }, "Sign in"), enter),
      h("section", { class: "panel", "aria-labelledby": "new-title" }, h("h2", { id: "new-title" }, "New here?"), join)),
    h("p", { class: "quiet" }, "You can also order as a guest: your email is enough."),
  ];
}

/**
 * @param {string} label of the button
 * @param {string} id
 * @param {Node[]} fields
 * @param {(facts: Record<string, string>) => Promise<void>} act
 * @returns {HTMLFormElement}
 */
function personForm(label, id, fields, act) {
  const note = h("div");
  const button = h("button", { class: "primary wide" }, label);
  const form = h("form", { id, class: "stack" }, ...fields, note, button);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    clearMarks(form);
    fill(note);
    button.disabled = true;
    try {
      const facts = Object.fromEntries([...new FormData(form)].map(([name, value]) => [name, String(value)]));
      await act({ ...facts, email: facts.email.trim() });
    } catch (error) {
      fill(note, problemNotice(error, { leftOver: markFields(form, error) }));
    }
    button.disabled = false;
  });
  return form;
}

/**
 * @param {Record<string, string>} facts
 * @param {string} name
 * @param {string} next
 */
async function enterShop({ email, password }, name, next) {
  session.start(await signIn({ email, password }), { email, name });
  go(next);
  toast("You are signed in.");
}
