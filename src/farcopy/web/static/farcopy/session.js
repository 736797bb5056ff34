// Who is signed in, and what happens when nobody is any more.

let account = null;
let onBegin = () => {};
let onEnd = () => {};

export const session = {
  get account() {
    return account;
  },
  begin(who) {
    account = who;
    onBegin(who);
  },
  // Told once: several calls may find out at the same time.
  end() {
    const wasOn = account !== null;
    account = null;
    if (wasOn) onEnd();
  },
  whenBegun(work) {
    onBegin = work;
  },
  whenEnded(work) {
    onEnd = work;
  },
};
