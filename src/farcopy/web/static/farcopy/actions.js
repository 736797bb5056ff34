// What buttons on several views do: start a sync, end it.

import { api } from "./api.js";
import { ask } from "./dialog.js";
import { during } from "./failure.js";
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

export async function confirmChanges(button, frozen) {
  const text = `The copies of ${frozen.changed_files} changed files on the remote are replaced by the next `
    + "sync. If the sources were encrypted or damaged, the good copies are lost then. Nothing is deleted.";
  if (!(await ask("Are these changes meant?", text, "They are meant: send them"))) return;
  await during(button, async () => {
    tell((await api.confirmChanges()).message);
    await askNow();
  });
}
