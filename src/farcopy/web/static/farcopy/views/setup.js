// The first run: directories, account, connection check, first sync, schedule. Each step says
// what it found; the API keeps what is done, so one can leave, come back, and go back.

import { cancelSync, syncNow } from "../actions.js";
import { api } from "../api.js";
import { stepList, TITLES, waitingList } from "../doctor_steps.js";
import { fill, h, icon } from "../dom.js";
import { Draft } from "../draft.js";
import { during, explain } from "../failure.js";
import { Form } from "../form.js";
import { count, number, size } from "../format.js";
import { livePanel } from "../live.js";
import { specs } from "../settings_fields.js";
import { StoredSettings, tellChanges } from "../stored_settings.js";
import { askNow, onStatus } from "../watch.js";

export const title = () => "Set up";
const STEPS = ["Directories", "FTP account", "Connection", "First sync", "Schedule"];
const SOURCES = { orthanc: "the Orthanc storage", hospital: "the hospital directory" };
const ROOTS = ["orthanc_storage_path", "hospital_data_path"];
const LOGIN = ["ftp_host", "ftp_port", "ftp_username", "ftp_password"];

export async function open(main) {
  const stored = await StoredSettings.read();
  const rail = h("ol", { class: "rail" });
  const place = h("div", {});
  let end = () => {};
  let reached = stored.values.last_sync_at ? STEPS.length - 1 : 0;
  let refused = null; // when the server refused this login, if it is known
  let examined = null; // what the doctor found of the settings of this version
  main.append(
    h("div", { class: "page-head" }, h("h1", { tabindex: -1 }, "Set farcopy up"),
      h("p", {}, "Five short steps. What is done is kept: you may go back, or leave and come back.")),
    rail, place);
  const draw = [directories, account, connection, firstSync, schedule];
  go(!ROOTS.some((name) => stored.values[name]) ? 0 : !stored.values.ftp_host ? 1 : 2);
  return () => end();

  function go(step) {
    end();
    end = () => {};
    reached = Math.max(reached, step);
    fill(rail, STEPS.map((name, n) => h("li", { class: n <= reached && n !== step ? "done" : "", "aria-current": n === step ? "step" : null },
      n <= reached && n !== step
        ? h("button", { type: "button", class: "link", "aria-label": `Step ${n + 1}: ${name}`, onclick: () => go(n) }, railText(n, name))
        : railText(n, name))));
    fill(place, draw[step]());
    place.querySelector("input:not([type=checkbox]), h2")?.focus();
  }

  function back(step) {
    return step > 0 && h("button", { type: "button", class: "plain", onclick: () => go(step - 1) }, "Back");
  }

  // proposed: what is filled in beyond what is stored, and saved with the rest. hinders(form): what
  // is known to be wrong before it is sent, told at its field. after(form, buttons) goes on.
  function formStep({ step, heading, text, names, next, after, proposed = {}, needsOneOf = [], hinders = () => null }) {
    const form = new Form(specs(names, stored.values), () => draft.keep());
    const draft = new Draft(`setup-${step}`, form, stored);
    const meanwhile = h("div", {});
    const button = h("button", {}, next);
    const buttons = h("div", { class: "buttons spaced" }, button, back(step));
    form.edit(proposed);
    const kept = draft.restore();
    if (kept && kept.version !== stored.version) tellChanges(form, meanwhile, kept.values, stored.values);
    return { form, element: h("form", { class: "panel", novalidate: true, onsubmit: submit },
      stepHead(heading, text), meanwhile, form.elements, buttons) };

    function submit(event) {
      event.preventDefault();
      during(button, async () => {
        const fields = hinders(form);
        if (fields) {
          form.clearErrors();
          form.showErrors({ fields });
          return;
        }
        if (!(await stored.save(form, meanwhile))) return;
        draft.drop();
        form.set({ ...stored.values, ftp_password: "" });
        if (needsOneOf.length && !needsOneOf.some((name) => stored.values[name])) {
          form.showErrors({ fields: { [needsOneOf[0]]: "is needed to go on" } });
          return;
        }
        await after(form, buttons);
      });
    }
  }

  function directories() {
    return formStep({
      step: 0, heading: "What is to be copied?", text: "One directory or both, as this machine sees them. They are only ever read.",
      names: ROOTS, needsOneOf: ROOTS, next: "Save and count the files", after: look,
    }).element;
  }

  // Which path is wrong is told at its field, before anything is counted.
  async function look(form, buttons) {
    const wrong = {};
    for (const name of ROOTS.filter((root) => stored.values[root])) {
      try {
        await api.folders(stored.values[name]);
      } catch (error) {
        if (!error.fields?.path) throw error;
        wrong[name] = `“${stored.values[name]}” ${error.fields.path}`;
      }
    }
    if (!Object.keys(wrong).length) {
      await found();
      return;
    }
    form.showErrors({ fields: wrong });
    if (buttons.querySelector("[data-anyway]")) return;
    buttons.append(h("button", { type: "button", class: "plain", "data-anyway": true, onclick: (event) => during(event.currentTarget, found) }, "Go on all the same"));
  }

  async function found() {
    fill(place, h("section", { class: "panel" }, stepHead("What is there", ""), h("p", { class: "notice busy" }, icon("busy", "icon spin"), h("span", {}, "Counting, for a few seconds at most …"))));
    try {
      const { sources } = (await api.sources()).data;
      const isUsable = sources.some((source) => source.is_there);
      fill(place, h("section", { class: "panel" }, stepHead("What is there", ""),
        sources.map(counted),
        h("div", { class: "buttons" },
          h("button", { type: "button", onclick: () => go(1) }, isUsable ? "Go on" : "Go on all the same"),
          h("button", { type: "button", class: "plain", onclick: () => go(0) }, "Change the directories"))));
      place.querySelector("button").focus();
    } catch (error) {
      go(0);
      explain(error);
    }
  }

  function account() {
    const { form, element } = formStep({
      step: 1, heading: "Where do the copies go?", text: "The account your host gave you. farcopy encrypts wherever the server can.",
      names: [...LOGIN, "ftp_path"], needsOneOf: ["ftp_host"],
      next: "Save and examine the connection", after: () => go(2),
      hinders: (typed) => (refused && !LOGIN.some((name) => name in typed.changes()) ? { ftp_password: wasRefused() } : null),
    });
    if (refused) form.showErrors({ fields: { ftp_password: wasRefused() } });
    return element;
  }

  function wasRefused() {
    return `the server refused this user and password${refused.at ? ` on ${refused.at}` : ""}: change one of them`;
  }

  function connection() {
    const steps = h("div", {});
    const buttons = h("div", { class: "buttons spaced" });
    const again = h("button", { type: "button", class: "plain", onclick: () => examine(true) }, "Examine again");
    const anyway = h("button", { type: "button", class: "plain", onclick: () => examine(false) }, "Try this login all the same");
    const change = (kind) => h("button", { type: "button", class: kind, onclick: () => go(1) }, "Change the account");
    if (examined?.version === stored.version) show(examined.data);
    else examine(true);
    return h("section", { class: "panel" }, stepHead("Does the way there work?", "A small file is written, read back, renamed and removed again."), steps, buttons);

    // By itself this page never tries a login again that the server has refused: hosts ban.
    function examine(skipsRefused) {
      return during(again, async () => {
        fill(steps, waitingList(TITLES));
        buttons.replaceChildren();
        refused = null;
        try {
          const { data } = await api.doctor({ skipsRefused });
          examined = { version: stored.version, data };
          show(data);
        } catch (error) {
          if (error.code === "login_known_refused") {
            refused = { at: error.refusedAt };
            showRefused();
            return;
          }
          steps.replaceChildren();
          fill(buttons, again, back(2));
          explain(error);
        }
        buttons.querySelector("button")?.focus();
      });
    }

    function show(data) {
      if (data.steps.some(({ code }) => code === "login_refused")) refused = { at: "" };
      fill(steps, stepList(data));
      if (data.is_well) fill(buttons, h("button", { type: "button", onclick: () => go(3) }, "Go on to the first sync"), again, change("plain"));
      else if (refused) fill(buttons, change(""), anyway);
      else fill(buttons, again, change("plain"));
    }

    function showRefused() {
      fill(steps, h("p", { class: "notice warn" }, icon("warn"), h("span", {}, `The server refused this user and password on ${refused.at}. They were not tried again: hosts ban a client after a handful of bad logins.`)));
      fill(buttons, change(""), anyway);
      buttons.querySelector("button").focus();
    }
  }

  function firstSync() {
    const live = livePanel((event) => cancelSync(event.currentTarget));
    const start = h("button", { type: "button", onclick: (event) => syncNow(event.currentTarget) }, "Start the first sync");
    const goOn = h("button", { type: "button", class: "plain", onclick: () => go(4) }, "Go on: it works by itself");
    const result = h("div", { role: "status" });
    end = onStatus((status) => {
      live.draw(status.current_sync);
      start.hidden = status.current_sync !== null;
      const last = status.last_sync;
      fill(result, !status.current_sync && last && h("p", { class: `notice ${last.status === "success" ? "good" : "warn"}` },
        icon(last.status === "success" ? "good" : "warn"),
        h("span", {}, last.status === "success" ? `Done: ${count(last.files_synced, "file")}, ${size(last.total_size_bytes)} are off-site.`
          : `It has ended with ${number(last.files_synced)} files copied. ${last.error_message || ""}`)));
      if (!status.current_sync && last?.status === "success") start.className = "plain";
    });
    return h("div", { class: "stack" },
      h("section", { class: "panel" }, stepHead("The first sync", "It takes as long as your line needs. It goes on when you close this page, and after a restart it resumes."),
        result, h("div", { class: "buttons" }, start, goOn, back(3))), live.element);
  }

  function schedule() {
    return formStep({
      step: 4, heading: "And from now on?", text: "New images go off-site by themselves.",
      names: ["sync_enabled", "sync_interval", "monitoring_enabled", "monitoring_interval"], next: "Finish",
      proposed: { sync_enabled: true, monitoring_enabled: true },
      after: async () => {
        await askNow();
        window.location.hash = "#/";
      },
    }).element;
  }
}

const railText = (n, name) => [`${n + 1}`, h("span", {}, ` ${name}`)];
const stepHead = (heading, text) => h("div", { class: "page-head" }, h("h2", { tabindex: -1 }, heading), text && h("p", {}, text));

function counted(source) {
  const name = SOURCES[source.label];
  if (!source.is_there) {
    return h("p", { class: "notice warn" }, icon("warn"), h("span", {}, `${source.path} is not there, or this machine's farcopy may not list it.`));
  }
  const much = `${count(source.files, "file")}, ${size(source.bytes)} in ${name}`;
  return h("p", { class: "notice good" }, icon("good"), h("span", {}, source.is_whole ? `${much}.` : `More than ${much}; the rest is counted by the first sync.`));
}
