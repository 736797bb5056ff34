// The page: who is signed in decides whether a view or sign-in is shown; the address, which view.

import { api, readAs, whenConfirmationIsNeeded } from "./api.js";
import { askForPassword } from "./confirming.js";
import { fill, h } from "./dom.js";
import { dropAllDrafts } from "./draft.js";
import { during, explain } from "./failure.js";
import { hush } from "./notice.js";
import { session } from "./session.js";
import { askNow, stopWatching } from "./watch.js";

const VIEWS = {
  "": () => import("./views/overview.js"),
  setup: () => import("./views/setup.js"),
  runs: () => import("./views/runs.js"),
  run: () => import("./views/run.js"),
  settings: () => import("./views/settings.js"),
  connection: () => import("./views/doctor.js"),
  people: () => import("./views/people.js"),
  audit: () => import("./views/audit.js"),
  password: () => import("./views/password.js"),
  account: () => import("./views/account.js"),
};
const OWN = ["password", "account"];
// What an auditor has instead, and what only who steers has.
const READ = { ...VIEWS, settings: () => import("./views/settings_read.js") };
const STEERING = ["setup", "connection"];
for (const name of STEERING) delete READ[name];
const main = document.getElementById("main");
const navigation = document.getElementById("navigation");
const who = document.getElementById("who");
let close = () => {};
let turn = 0;

// "#/runs/15?files=skipped" -> { name: "run", id: "15", query }
export function addressOf(hash) {
  const [path, query = ""] = hash.replace(/^#\/?/, "").split("?");
  const [name, id = ""] = path.split("/");
  return { name: name === "runs" && id ? "run" : name, id, query: new URLSearchParams(query) };
}

async function show() {
  const mine = ++turn;
  const address = addressOf(window.location.hash);
  close();
  close = () => {};
  hush();
  const load = viewFor(address);
  const view = await load();
  if (mine !== turn) return; // another address came meanwhile
  document.title = `${view.title(address)} · farcopy`;
  markNavigation(address);
  main.replaceChildren();
  try {
    const ended = await view.open(main, address);
    if (mine === turn) close = ended || close;
    else ended?.();
  } catch (error) {
    explain(error);
    if (mine === turn) await sayMissing(error);
  }
  if (mine === turn) focusHeading();
}

function viewFor(address) {
  if (!session.account) return () => import("./views/sign_in.js");
  if (session.account.must_change_password) return VIEWS.password;
  if (!session.canRead && !OWN.includes(address.name)) return () => import("./views/no_access.js");
  const views = session.canSteer || !session.canRead ? VIEWS : READ;
  return views[address.name] || (() => import("./views/not_found.js"));
}

// A view that could not even begin: there is no such run, or nobody answers.
async function sayMissing(error) {
  if (main.querySelector("h1") || error.isSignedOut) return;
  (await import("./views/not_found.js")).open(main, { message: error.message });
}

// Where a reader goes on: the field to fill in, else the heading.
function focusHeading() {
  if (main.contains(document.activeElement)) return;
  const target = main.querySelector("[autofocus]") || main.querySelector("h1");
  target?.focus({ preventScroll: true });
  window.scrollTo(0, 0);
}

function markNavigation({ name }) {
  const isIn = session.account !== null;
  document.body.classList.toggle("signed-out", !isIn);
  navigation.hidden = !isIn || !session.canRead || session.account.must_change_password;
  for (const link of navigation.querySelectorAll("a")) {
    link.hidden = !session.canSteer && STEERING.includes(link.getAttribute("href").slice(2));
    const isHere = link.getAttribute("href") === `#/${name === "run" ? "runs" : name}`;
    if (isHere) {
      link.setAttribute("aria-current", "page");
      navigation.scrollLeft = link.offsetLeft - navigation.offsetLeft - 24; // on a phone not all have room
    } else link.removeAttribute("aria-current");
  }
  fill(who, isIn && [
    h("a", { href: "#/account", title: "My account" }, session.account.username),
    h("button", { type: "button", class: "link", onclick: signOut }, "Sign out"),
  ]);
}

function signOut(event) {
  during(event.currentTarget, async () => {
    await api.logout();
    dropAllDrafts();
    session.end({ isWanted: true });
  });
}

// The address stays through sign-in: it is where one wanted to be.
session.whenBegun((account) => {
  readAs(account.role);
  if (session.canRead && !account.must_change_password) askNow();
  show();
});
session.whenEnded(() => {
  stopWatching();
  show();
});
window.addEventListener("hashchange", show);

whenConfirmationIsNeeded(askForPassword);

// With "#main" alone the router would look for a view of that name.
document.getElementById("skip").addEventListener("click", (event) => {
  event.preventDefault();
  main.focus();
});

// Where the page itself says that nobody is signed in, the API need not say so again.
try {
  if (main.dataset.session === "none") show();
  else session.begin((await api.me()).data);
} catch {
  show();
}
