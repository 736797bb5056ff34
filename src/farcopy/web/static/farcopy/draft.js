// What was typed and not saved, kept in this window: another view, a reload or the end of the
// session does not take it. Never a password; gone when it is saved, discarded, or at sign-out.

import { session } from "./session.js";

const PREFIX = "farcopy.draft.";
const SECRET = "ftp_password";

// name: of the form. stored: the StoredSettings the form was made from.
export class Draft {
  constructor(name, form, stored) {
    this.key = PREFIX + name;
    this.form = form;
    this.stored = stored;
  }

  keep() {
    if (!session.account) return; // it has just ended: what was kept before stands
    const { [SECRET]: secret, ...changes } = this.form.changes();
    if (!Object.keys(changes).length && secret === undefined) {
      this.drop();
      return;
    }
    const { version, values } = this.stored;
    write(this.key, { of: session.account?.username, version, values, changes, hadSecret: Boolean(secret) });
  }

  drop() {
    write(this.key, null);
  }

  // Fills in what was kept; null if there is nothing, else { version, values, hadSecret } of then.
  restore() {
    const kept = read(this.key);
    if (!kept || kept.of !== session.account?.username) {
      this.drop();
      return null;
    }
    this.form.edit(kept.changes);
    return kept;
  }
}

export const hasDrafts = () => keys().length > 0;

export function dropAllDrafts() {
  for (const key of keys()) write(key, null);
}

// A browser may forbid its storage: then nothing is kept, and all else works.
function keys() {
  try {
    return Object.keys(window.sessionStorage).filter((key) => key.startsWith(PREFIX));
  } catch {
    return [];
  }
}

function read(key) {
  try {
    return JSON.parse(window.sessionStorage.getItem(key));
  } catch {
    return null;
  }
}

function write(key, value) {
  try {
    if (value === null) window.sessionStorage.removeItem(key);
    else window.sessionStorage.setItem(key, JSON.stringify(value));
  } catch {
    // nothing is kept
  }
}
