/**
 * The storefront's front door: which address shows which view, and what the header says.
 */
import { basket } from "./basket.js";
import { start } from "./router.js";
import { session } from "./session.js";
import { accountView } from "./views/account.js";
import { basketView } from "./views/basket.js";
import { catalogueView } from "./views/catalogue.js";
import { checkoutView } from "./views/checkout.js";
import { lostView } from "./views/lost.js";
import { orderView } from "./views/order.js";
import { ordersView } from "./views/orders.js";
import { productView } from "./views/product.js";

const routes = [
  { path: /^\/$/, nav: "catalogue", view: catalogueView },
  { path: /^\/products\/([^/]+)$/, nav: "catalogue", view: productView },
  { path: /^\/basket$/, nav: "basket", view: basketView },
  { path: /^\/checkout$/, nav: "basket", view: checkoutView },
  { path: /^\/orders$/, nav: "orders", view: ordersView },
  { path: /^\/orders\/([^/]+)$/, nav: "orders", view: orderView },
  { path: /^\/account$/, nav: "account", view: accountView },
  { path: /.*/, nav: "", view: lostView },
];

const main = /** @type {HTMLElement} */ (document.getElementById("main"));
const account = /** @type {HTMLElement} */ (document.getElementById("account-link"));
const badge = /** @type {HTMLElement} */ (document.getElementById("basket-count"));

/** Writes the basket's count and the customer's name into the header. */
function showHeader() {
  const count = basket.count;
  badge.hidden = count === 0;
  badge.textContent = count > 999 ? "999+" : String(count);
  const person = session.current;
  account.textContent = person ? person.name || person.email : "Sign in";
}

// The link's own address would be taken for a view's.
document.getElementById("skip")?.addEventListener("click", (event) => {
  event.preventDefault();
  main.focus();
});

basket.onChange(showHeader);
session.onChange(showHeader);
showHeader();
start(routes, main);
