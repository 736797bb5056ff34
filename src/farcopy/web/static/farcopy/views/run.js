// One run: what came of it, every file that did not go, with its reason and a second try, and
// every file that did.

import { syncNow } from "../actions.js";
import { api } from "../api.js";
import { badge, runBadge } from "../badge.js";
import { fill, h, icon } from "../dom.js";
import { during } from "../failure.js";
import { capital, count, duration, number, rate, size, when } from "../format.js";
import { tell } from "../notice.js";
import { session } from "../session.js";
import { withLabels } from "../settings_fields.js";

export const title = ({ id }) => `Run ${id}`;
const PAGE = 100;
const SENT = ["stored", "verified"];
const LISTS = {
  unsent: { tab: "Did not go", caption: "Files that did not go", head: "File and reason", none: noneUnsent },
  sent: { tab: "What was copied", caption: "Files that were copied", head: "File", none: () => "Nothing was copied in this run." },
  skipped: { tab: "Skipped by rule, now", caption: "Files skipped by rule", head: "File and reason", none: () => "Nothing is skipped at this destination." },
};

export async function open(main, { id, query }) {
  const list = Object.hasOwn(LISTS, query.get("files")) ? query.get("files") : "unsent";
  const { data } = await api.run({ id, files: list, limit: PAGE });
  const { run, now } = data;
  main.append(
    h("a", { class: "back", href: "#/runs" }, "‹ All runs"),
    h("div", { class: "head page-head" },
      h("h1", { tabindex: -1 }, `Run ${run.id}, ${when(run.started_at, now)}`), runBadge(run)),
    h("div", { class: "stack" },
      run.error_message && h("p", { class: `notice ${run.status === "failed" ? "bad" : "warn"}` },
        icon("warn"), h("span", {}, `${capital(withLabels(run.error_message))}.`)),
      facts(data),
      data.problems.length > 0 && problems(data),
      files(data, list)));
}

function facts({ run, files_due: due, bytes_per_s: speed }) {
  const fact = (name, value, more) => h("div", {}, h("dt", {}, name), h("dd", { class: "big" }, value), more && h("dd", { class: "small" }, more));
  return h("dl", { class: "facts" },
    fact("Copied", count(run.files_synced, "file"), `of ${number(due)} due, ${size(run.total_size_bytes)}`),
    fact("Took", duration(run.duration_seconds), speed ? rate(speed) : "nothing was sent"),
    fact("Did not go", number(run.files_failed), `${number(run.files_skipped)} skipped by rule, ${run.files_excluded ? `${number(run.files_excluded)} left out, ` : ""}${number(run.files_unchanged)} off-site already`),
    fact("Asked by", run.requested_by || run.sync_type, run.completed_at ? `ended ${run.completed_at}` : "still on"));
}

function problems({ problems: found, problem_count: total }) {
  return h("section", { class: "panel" }, h("div", { class: "head" }, h("h2", {}, "Could not be read")),
    h("table", {},
      h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "Path"), h("th", { scope: "col" }, "Reason"))),
      h("tbody", {}, found.map((problem) => h("tr", {},
        h("td", { class: "path" }, [problem.root, problem.path].filter(Boolean).join("/")), h("td", {}, capital(withLabels(problem.text))))))),
    total > found.length && h("p", { class: "hint" }, `and ${number(total - found.length)} more`));
}

function files(data, list) {
  const { run } = data;
  const body = h("tbody");
  const table = h("table", { class: "cards" },
    h("caption", { class: "hidden-text" }, LISTS[list].caption),
    h("thead", {}, h("tr", {}, h("th", { scope: "col" }, LISTS[list].head), h("th", { scope: "col" }, "Now"), h("th", { scope: "col" }, h("span", { class: "hidden-text" }, "Action")))),
    body);
  const more = h("button", { type: "button", class: "plain", onclick: (event) => during(event.currentTarget, next) }, "More files");
  const retryAll = h("button", { type: "button", class: "plain small-button", onclick: (event) => retry(event.currentTarget, { run_id: run.id }) }, "Try all again");
  let after = null;

  function add(page) {
    body.append(...page.files.map((file) => fileRow(run, file, page.now)));
    after = page.next_after;
    more.hidden = after === null;
  }

  async function next() {
    add((await api.run({ id: run.id, files: list, after, limit: PAGE })).data);
  }

  add(data);
  const canRetry = session.canSteer && list === "unsent" && data.files.some((file) => file.state === "failed");
  return h("section", { class: "panel" },
    h("div", { class: "head" },
      h("nav", { class: "tabs", "aria-label": "Which files" }, Object.entries(LISTS).map(([name, { tab: text }]) => tab(run, name, list, text))),
      canRetry && retryAll),
    data.files.length ? h("div", {}, table, h("div", { class: "more" }, more))
      : h("p", { class: "empty" }, LISTS[list].none(data)));
}

// That all went is said only of a run that looked at everything, and came to its own end.
function noneUnsent({ run, problem_count: problems }) {
  if (run.status === "running") return "No file has failed so far; the run is still on.";
  const isWhole = run.status === "success" && run.end === "finished" && !run.error_code && !run.files_failed && !problems;
  if (isWhole) return "Every file that was due went.";
  return "No single file failed, but the run did not do all it was to do: what is missing is not listed here.";
}

function tab(run, name, current, text) {
  const query = name === "unsent" ? "" : `?files=${name}`;
  return h("a", { href: `#/runs/${run.id}${query}`, "aria-current": name === current ? "page" : null }, text);
}

function fileRow(run, file, now) {
  const action = h("td", { class: "number" });
  if (session.canSteer && file.state === "failed" && file.outcome === "failed") {
    fill(action, h("button", { type: "button", class: "plain small-button", "aria-label": `Try again: ${file.path}`,
      onclick: (event) => retry(event.currentTarget, { run_id: run.id, file_id: file.id }) }, "Try again"));
  }
  return h("tr", {},
    h("td", { class: "wide" }, h("div", { class: "path" }, `${file.root}/${file.path}`),
      h("div", { class: "reason" }, SENT.includes(file.outcome) ? `${size(file.bytes)}, ${when(file.at, now)}: ${file.text}` : capital(withLabels(file.text)))),
    h("td", {}, badge(file.state, file.state === "stored" && file.outcome === "stored" ? "Stored" : "")),
    action);
}

function retry(button, body) {
  return during(button, async () => {
    const { data } = await api.retry(body);
    const row = button.closest("tr");
    const rows = row ? [row] : button.closest("section").querySelectorAll("tbody tr");
    for (const changed of rows) {
      if (changed.querySelector("button")) {
        fill(changed.children[1], badge("pending"));
        fill(changed.children[2]);
      }
    }
    if (!row) button.remove();
    tell(`${count(data.files, "file")} due again: the next sync tries ${data.files === 1 ? "it" : "them"}.`, "good",
      { text: "Sync now", work: async (event) => {
        await syncNow(event.currentTarget);
        window.location.hash = "#/";
      } });
  });
}
