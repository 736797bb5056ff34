// Who is signed in, and what happens when nobody is any more.

let account = null;
let isExpired = false;
let onBegin = () => {};
let onEnd = () => {};

export const session = {
  get account() {
    return account;
  },
  // Only an admin steers; an auditor reads.
  get canSteer() {
    return account?.role === "admin";
  },
  get canRead() {
    return account?.role === "admin" || account?.role === "auditor";
  },
  // Whether the last one ended without anybody having wanted it.
  get isExpired() {
    return isExpired;
  },
  begin(who) {
    account = who;
    isExpired = false;
    onBegin(who);
  },
  // Told once: several calls may find out at the same time.
  end({ isWanted = false } = {}) {
    const wasOn = account !== null;
    account = null;
    if (!wasOn) return;
    isExpired = !isWanted;
    onEnd();
  },
  whenBegun(work) {
    onBegin = work;
  },
  whenEnded(work) {
    onEnd = work;
  },
};
