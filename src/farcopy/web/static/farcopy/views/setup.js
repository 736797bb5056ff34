// The first run: directories, account, connection check, first sync, schedule. Each step says
// what it found; the API keeps what is done, so one can leave and come back.

import { cancelSync, syncNow } from "../actions.js";
import { api } from "../api.js";
import { stepList, TITLES, waitingList } from "../doctor_steps.js";
import { fill, h, icon } from "../dom.js";
import { during, explain } from "../failure.js";
import { Form } from "../form.js";
import { count, number, size } from "../format.js";
import { livePanel } from "../live.js";
import { specs } from "../settings_fields.js";
import { askNow, onStatus } from "../watch.js";

export const title = () => "Set up";
const STEPS = ["Directories", "FTP account", "Connection", "First sync", "Schedule"];
const SOURCES = { orthanc: "the Orthanc storage", hospital: "the hospital directory" };

export async function open(main) {
  let { configuration: settings } = (await api.settings()).data;
  const rail = h("ol", { class: "rail" });
  const place = h("div", {});
  let end = () => {};
  main.append(
    h("div", { class: "page-head" }, h("h1", { tabindex: -1 }, "Set farcopy up"),
      h("p", {}, "Five short steps. What is done is kept: you may leave and come back.")),
    rail, place);
  const draw = [directories, account, connection, firstSync, schedule];
  go(!settings.orthanc_storage_path && !settings.hospital_data_path ? 0 : !settings.ftp_host ? 1 : 2);
  return () => end();

  function go(step) {
    end();
    end = () => {};
    fill(rail, STEPS.map((name, n) => h("li", { class: n < step ? "done" : "", "aria-current": n === step ? "step" : null },
      `${n + 1}`, h("span", {}, ` ${name}`))));
    fill(place, draw[step]());
    place.querySelector("input:not([type=checkbox]), h2")?.focus();
  }

  // proposed: what is filled in beyond what is stored, and saved with the rest.
  function formStep({ heading, text, names, next, after, proposed = {}, needsOneOf = [] }) {
    const form = new Form(specs(names, settings));
    for (const name of Object.keys(proposed)) form.field(name).checked = proposed[name];
    const button = h("button", {}, next);
    return h("form", { class: "panel", novalidate: true, onsubmit: submit },
      stepHead(heading, text), form.elements, h("div", { class: "buttons spaced" }, button));

    function submit(event) {
      event.preventDefault();
      during(button, async () => {
        const changed = await form.send(() => api.changeSettings(form.changes()));
        if (!changed) return;
        settings = changed;
        if (needsOneOf.length && !needsOneOf.some((name) => settings[name])) {
          form.showErrors({ fields: { [needsOneOf[0]]: "is needed to go on" } });
          return;
        }
        await after();
      });
    }
  }

  function directories() {
    const names = ["orthanc_storage_path", "hospital_data_path"];
    return formStep({
      heading: "What is to be copied?", text: "One directory or both, as this machine sees them. They are only ever read.",
      names, needsOneOf: names, next: "Save and count the files", after: found,
    });
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
    return formStep({
      heading: "Where do the copies go?", text: "The account your host gave you. farcopy encrypts wherever the server can.",
      names: ["ftp_host", "ftp_port", "ftp_username", "ftp_password", "ftp_path"], needsOneOf: ["ftp_host"],
      next: "Save and examine the connection", after: () => go(2),
    });
  }

  function connection() {
    const steps = h("div", {}, waitingList(TITLES));
    const buttons = h("div", { class: "buttons spaced" });
    const again = h("button", { type: "button", class: "plain", onclick: examine }, "Examine again");
    examine();
    return h("section", { class: "panel" }, stepHead("Does the way there work?", "A small file is written, read back, renamed and removed again."), steps, buttons);

    function examine() {
      return during(again, async () => {
        fill(steps, waitingList(TITLES));
        buttons.replaceChildren();
        try {
          const { data } = await api.doctor();
          fill(steps, stepList(data));
          fill(buttons, data.is_well ? h("button", { type: "button", onclick: () => go(3) }, "Go on to the first sync") : again,
            h("button", { type: "button", class: "plain", onclick: () => go(1) }, "Change the account"));
          buttons.querySelector("button").focus();
        } catch (error) {
          fill(buttons, again);
          explain(error);
        }
      });
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
        result, h("div", { class: "buttons" }, start, goOn)), live.element);
  }

  function schedule() {
    return formStep({
      heading: "And from now on?", text: "New images go off-site by themselves.",
      names: ["sync_enabled", "sync_interval", "monitoring_enabled", "monitoring_interval"], next: "Finish",
      proposed: { sync_enabled: true, monitoring_enabled: true },
      after: async () => {
        await askNow();
        window.location.hash = "#/";
      },
    });
  }
}

const stepHead = (heading, text) => h("div", { class: "page-head" }, h("h2", { tabindex: -1 }, heading), text && h("p", {}, text));

function counted(source) {
  const name = SOURCES[source.label];
  if (!source.is_there) {
    return h("p", { class: "notice warn" }, icon("warn"), h("span", {}, `${source.path} is not there, or this machine's farcopy may not list it.`));
  }
  const much = `${count(source.files, "file")}, ${size(source.bytes)} in ${name}`;
  return h("p", { class: "notice good" }, icon("good"), h("span", {}, source.is_whole ? `${much}.` : `More than ${much}; the rest is counted by the first sync.`));
}
