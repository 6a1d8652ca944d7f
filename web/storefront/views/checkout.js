/**
 * The checkout: who orders, how it is paid, and one order however often the button is pressed.
 */
import { placeOnce } from "../attempt.js";
import { basket } from "../basket.js";
import { announce, fill, h } from "../dom.js";
import { keepGuestOrder } from "../guest_orders.js";
import { formatMoney, lineTotal, toDecimal } from "../money.js";
import { clearMarks, emptyNotice, field } from "../notices.js";
import { go } from "../router.js";
import { session } from "../session.js";
import { refusal } from "./refusal.js";

const METHODS = [
  { token: "tok_ok", label: "Card that is accepted", told: "Charged at once." },
  { token: "tok_declined", label: "Card that is declined", told: "The order is cancelled and the goods go back." },
  { token: "tok_slow", label: "Card that takes its time", told: "The answer comes after a second: watch the status." },
];

/**
 * @param {import("../router.js").Visit} visit
 * @returns {import("../router.js").Screen}
 */
export function checkoutView({ signal }) {
  const place = h("div", { class: "columns" });
  const node = h("section", null, h("h1", null, "Checkout"), place);
  if (basket.lines.length === 0) {
    fill(place, emptyNotice("Your basket is empty", h("a", { href: "#/" }, "Look around the catalogue")));
    return { title: "Checkout", node };
  }
  const note = h("div");
  const button = h("button", { class: "primary wide" });
  const form = h("form", { class: "stack panel" }, buyer(), payment(), note, button);
  const aside = h("aside", { class: "panel summary", "aria-label": "Your order" });
  const show = () => {
    fill(button, `Place order · ${formatMoney(basket.total, basket.currency)}`);
    fill(aside, ...summary());
  };
  let busy = false;
  const submit = async (/** @type {Event} */ event) => {
    event.preventDefault();
    if (busy) return;
    busy = true;
    button.setAttribute("aria-disabled", "true");
    clearMarks(form);
    fill(note);
    try {
      await order(form, note);
    } catch (error) {
      if (!signal.aborted) fill(note, await refusal(error, form, () => fill(note)));
    }
    busy = false;
    button.removeAttribute("aria-disabled");
  };
  form.addEventListener("submit", submit);
  basket.onChange(show, signal);
  show();
  fill(place, form, aside);
  return { title: "Checkout", node };
}

/**
 * @param {HTMLFormElement} form
 * @param {HTMLElement} note
 */
async function order(form, note) {
  const facts = new FormData(form);
  const email = facts.get("email");
  const { total, currency, lines } = basket;
  const wanted = {
    items: lines.map(({ productId, quantity, unitPrice }) => ({ productId, quantity, unitPrice })),
    total: toDecimal(total),
    paymentMethod: String(facts.get("payment")),
    ...(email === null ? {} : { email: String(email).trim() }),
  };
  announce("Placing your order");
  const receipt = await placeOnce(wanted, session.current?.email ?? "", () => {
    fill(note, h("p", { class: "notice calm", role: "status" }, "No answer yet. Asking again: your order is placed only once."));
  });
  if (receipt.token) {
    keepGuestOrder({ orderId: receipt.orderId, token: receipt.token, total: receipt.total, currency, placedAt: new Date().toISOString() });
  }
  basket.clear();
  go(`/orders/${encodeURIComponent(receipt.orderId)}`);
}

/** @returns {HTMLElement} */
function buyer() {
  const person = session.current;
  if (person) {
    return h("section", null, h("h2", null, "Your details"), h("p", null, "Ordering as ", h("b", null, person.name || person.email), "."));
  }
  return h("section", { class: "stack" },
    h("h2", null, "Your details"),
    field({ name: "email", label: "Email", type: "email", required: true, maxlength: 254, autocomplete: "email", hint: "Your confirmation goes there." }),
    h("p", { class: "quiet" }, "Have an account? ", h("a", { href: "#/account?next=/checkout" }, "Sign in"), "."));
}

/** @returns {HTMLElement} */
function payment() {
  return h("fieldset", { class: "choices" },
    h("legend", null, "Payment"),
    h("p", { class: "hint" }, "A sandbox stands in for the bank. Choose how it answers."),
    METHODS.map(({ token, label, told }, i) =>
      h("label", { class: "choice" },
        h("input", { type: "radio", name: "payment", value: token, checked: i === 0 }),
        h("span", null, h("b", null, label), h("small", null, told)))));
}

/** @returns {Node[]} */
function summary() {
  return [
    h("h2", null, "Your order"),
    h("ul", { class: "brief", role: "list" }, basket.lines.map((line) => h("li", null,
      h("span", null, `${line.quantity} × `, line.name),
      h("span", { class: "price" }, formatMoney(lineTotal(line.unitPrice, line.quantity), line.currency))))),
    h("dl", { class: "totals" }, h("div", { class: "grand" }, h("dt", null, "Total"), h("dd", { class: "price" }, formatMoney(basket.total, basket.currency)))),
    h("a", { href: "#/basket" }, "Change the basket"),
  ];
}
