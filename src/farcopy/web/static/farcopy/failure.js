// What becomes of a refused call: sign-in, the forced change of a password, or a notice.

import { ApiError } from "./api.js";
import { tell } from "./notice.js";
import { session } from "./session.js";
import { withLabels } from "./settings_fields.js";

export function explain(error) {
  if (!(error instanceof ApiError)) throw error;
  if (error.isSignedOut) {
    session.end();
  } else if (error.code === "password_change_required") {
    window.location.hash = "#/password";
  } else if (error.code === "otp_setup_required") {
    window.location.hash = "#/account";
  } else if (error.code === "confirm_password") {
    tell("Nothing was changed: your password was not given.", "idle");
  } else if (error.status === 0) {
    tell("farcopy cannot be reached; nothing was changed. Try again when it answers.", "bad");
  } else {
    const text = withLabels(error.message);
    tell(error.retryAfter ? `${text} (in ${error.retryAfter} s)` : text, "bad");
  }
}

// Work behind a button: not twice at once, and a refusal is told.
export async function during(button, work) {
  if (button.getAttribute("aria-busy") === "true") return;
  button.setAttribute("aria-busy", "true");
  try {
    await work();
  } catch (error) {
    explain(error);
  } finally {
    button.removeAttribute("aria-busy");
  }
}
