// Draws an answer of status.php. Knows no network; text only ever goes in as text.

const FROZEN = "Sync is frozen"; // that warning stands in a box of its own, with its button
const $ = (id) => document.getElementById(id);

function cell(text, className) {
  const element = document.createElement("td");
  element.textContent = text;
  if (className) element.className = className;
  return element;
}

function fact(name, value) {
  const term = document.createElement("dt");
  const description = document.createElement("dd");
  term.textContent = name;
  description.textContent = value;
  return [term, description];
}

export function drawStatus(data) {
  const schedule = data.configuration;
  const last = data.last_sync;
  $("facts").replaceChildren(
    ...fact("Service", data.service_running ? "running" : "not running"),
    ...fact("Automatic sync", schedule.sync_enabled ? `every ${schedule.sync_interval} minutes` : "off"),
    ...fact("Last sync", last ? `${last.completed_at}, ${last.status}` : "never"),
    ...fact("Next sync", schedule.next_sync_at || "–"),
    ...fact("Copied so far", `${data.statistics.total_files_synced} files, ${data.statistics.total_size_synced_gb} GB`),
    ...(last && last.error_message ? fact("Last problem", last.error_message) : []),
  );
  drawFrozen(data.frozen);
  drawWarnings(data.warnings.filter((text) => !text.startsWith(FROZEN)));
  drawCurrent(data.current_sync);
  $("runs").replaceChildren(...data.sync_history.map(runRow));
  $("run-now").disabled = data.current_sync !== null;
}

function drawFrozen(freeze) {
  $("frozen").hidden = freeze === null;
  if (freeze === null) return;
  $("frozen-text").textContent =
    `Sync is frozen since ${freeze.since}: ${freeze.changed_files} of ${freeze.known_files} known files `
    + `changed and ${freeze.vanished_files} vanished at once. The copies on the remote are untouched. `
    + "Check the sources: encrypted, deleted or mounted wrongly? Put back as they were, sync goes on by itself.";
}

function drawWarnings(warnings) {
  const items = warnings.map((text) => {
    const item = document.createElement("li");
    item.textContent = text;
    return item;
  });
  $("warnings").replaceChildren(...items);
  $("warnings").hidden = items.length === 0;
}

function drawCurrent(run) {
  $("current").hidden = run === null;
  if (run === null) return;
  const eta = run.eta_seconds === null ? "" : `, ${run.eta_seconds} s left`;
  $("progress-text").textContent =
    `${run.phase}: ${run.files_done} of ${run.files_due} files${eta}`;
  $("progress").value = run.bytes_due ? run.bytes_done / run.bytes_due : 0;
}

function runRow(run) {
  const row = document.createElement("tr");
  row.append(
    cell(run.started_at),
    cell(run.sync_type),
    cell(run.status, `status-${run.status}`),
    cell(run.files_synced, "number"),
    cell(run.total_size_mb.toFixed(2), "number"),
    cell(run.duration_seconds, "number"),
  );
  return row;
}
