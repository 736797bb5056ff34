// The page: sign-in, forced change of a generated password, overview.

import { api } from "./api.js";
import { drawStatus } from "./overview.js";

const POLL_RUNNING_MS = 1000;
const POLL_IDLE_MS = 10000;
const VIEWS = ["sign-in", "new-password", "overview"];
const $ = (id) => document.getElementById(id);
let timer;

function show(view) {
  for (const id of VIEWS) $(id).hidden = id !== view;
  $("who").hidden = view === "sign-in";
  if (view !== "overview") clearTimeout(timer);
  const first = $(view).querySelector("input");
  if (first) first.focus();
}

function tell(text, kind = "") {
  $("notice").textContent = text;
  $("notice").className = `notice ${kind}`;
  $("notice").hidden = text === "";
}

function explain(error) {
  if (error.status === 401 && error.code === "unauthorized") {
    show("sign-in");
    tell("Please sign in.");
  } else if (error.code === "password_change_required") {
    show("new-password");
  } else {
    tell(error.message, "bad");
  }
}

async function refresh() {
  clearTimeout(timer);
  let delay = POLL_IDLE_MS;
  try {
    const { data } = await api.status();
    drawStatus(data);
    if (data.current_sync !== null) delay = POLL_RUNNING_MS;
  } catch (error) {
    explain(error);
  }
  if (!$("overview").hidden) timer = setTimeout(refresh, delay);
}

async function enter(account) {
  $("who-name").textContent = `${account.username} (${account.role})`;
  if (account.must_change_password) {
    show("new-password");
  } else if (account.role !== "admin") {
    show("overview");
    $("overview").hidden = true;
    tell("Only the admin role may see and steer farcopy.", "warn");
  } else {
    show("overview");
    await refresh();
  }
}

async function during(button, work) {
  button.disabled = true;
  try {
    await work();
  } catch (error) {
    explain(error);
  } finally {
    button.disabled = false;
  }
}

function onSubmit(id, work) {
  $(id).addEventListener("submit", (event) => {
    event.preventDefault();
    const form = event.target;
    const values = Object.fromEntries(new FormData(form));
    during(form.querySelector("button"), async () => {
      const { data } = await work(values);
      form.reset();
      tell("");
      await enter(data);
    });
  });
}

onSubmit("sign-in", (values) => api.login(values.username, values.password));
onSubmit("new-password", (values) => api.changePassword(values));

$("sign-out").addEventListener("click", (event) => during(event.target, async () => {
  await api.logout();
  show("sign-in");
  tell("Signed out.");
}));

$("run-now").addEventListener("click", (event) => during(event.target, async () => {
  tell("Syncing …");
  const running = api.syncNow();
  running.catch(() => {}); // told below; the refresh in between must not lose it
  clearTimeout(timer);
  timer = setTimeout(refresh, POLL_RUNNING_MS);
  const answer = await running;
  tell(`${answer.message}: ${answer.data.files_synced} files, ${answer.data.total_size_mb} MB`,
    answer.data.status === "partial" ? "warn" : "good");
  await refresh();
}));

$("confirm-changes").addEventListener("click", (event) => during(event.target, async () => {
  if (!window.confirm("Replace the copies on the remote by the changed files?")) return;
  const answer = await api.confirmChanges();
  tell(answer.message, "good");
  await refresh();
}));

$("test-connection").addEventListener("click", (event) => during(event.target, async () => {
  tell("Testing the connection …");
  const { data } = await api.testConnection();
  const how = data.is_encrypted ? "encrypted" : "not encrypted";
  tell(`${data.message}: ${data.files_in_directory} files in ${data.ftp_path}, ${how}`, "good");
}));

try {
  const { data } = await api.me();
  await enter(data);
} catch (error) {
  explain(error);
  if (error.status === 401) tell("");
}
