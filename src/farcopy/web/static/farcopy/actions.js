// What buttons on several views do: start a sync, end it.

import { api } from "./api.js";
import { ask } from "./dialog.js";
import { during } from "./failure.js";
import { count, number } from "./format.js";
import { tell } from "./notice.js";
import { askNow } from "./watch.js";

export function syncNow(button) {
  return during(button, async () => {
    await api.startSync();
    await askNow();
  });
}

export async function cancelSync(button) {
  const text = "It ends within two seconds, also in the middle of a file. What has arrived stays; "
    + "what was not sent stays due, and goes with the next sync.";
  if (!(await ask("End this sync?", text, "End it"))) return;
  await during(button, async () => {
    await api.cancel();
    tell("The sync ends; what was not sent stays due.", "busy");
    await askNow();
  });
}

export async function acceptLosses(button, files) {
  const text = "They are gone from the source, and their copies are damaged or gone. Look for them in another backup first: "
    + "put back, they are sent again. Accepted, they are no longer told here.";
  if (!(await ask(`Take note of ${count(files, "lost file")}?`, text, "We know that they are lost"))) return;
  await during(button, async () => {
    tell((await api.acceptLosses()).message, "warn");
    await askNow();
  });
}

export async function confirmChanges(button, frozen) {
  const isGone = frozen.emptied_sources.length > 0;
  const text = isGone
    ? `${number(frozen.vanished_files)} of ${number(frozen.known_files)} known files are not in the sources. If a disk is only not mounted, `
      + "mount it and sync again instead. Confirmed, the next sync takes them for gone; their copies on the remote stay."
    : `The copies of ${frozen.changed_files} changed files on the remote are replaced by the next `
      + "sync. If the sources were encrypted or damaged, the good copies are lost then. Nothing is deleted.";
  const heading = isGone ? "Are these files gone on purpose?" : "Are these changes meant?";
  const yes = isGone ? "They are gone on purpose" : "They are meant: send them";
  if (!(await ask(heading, text, yes))) return;
  await during(button, async () => {
    tell((await api.confirmChanges()).message);
    await askNow();
  });
}
