// Calls of the API. Every answer is the envelope; a refusal is thrown as ApiError.

export class ApiError extends Error {
  constructor(status, envelope, retryAfter = 0) {
    super(envelope.error || "farcopy cannot be reached");
    this.status = status;
    this.code = envelope.code || "unreachable";
    this.fields = envelope.fields || {};
    this.hint = envelope.hint || "";
    this.refusedAt = envelope.refused_at || "";
    this.retryAfter = retryAfter;
  }

  get isSignedOut() {
    return this.status === 401 && this.code === "unauthorized";
  }
}

// How the password is asked for again where a call needs it; resolves to whether it was given.
let confirmPassword = async () => false;
export function whenConfirmationIsNeeded(work) {
  confirmPassword = work;
}

// A call that needs the password again is repeated once it was given.
async function call(method, path, given = {}) {
  try {
    return await once(method, path, given);
  } catch (error) {
    if (error.code !== "confirm_password" || !(await confirmPassword())) throw error;
    return once(method, path, given);
  }
}

async function once(method, path, { body, query, headers = {} } = {}) {
  const options = { method, credentials: "same-origin", headers: { ...headers } };
  if (body !== undefined) {
    options.headers["Content-Type"] = "application/json";
    options.body = JSON.stringify(body);
  }
  let response;
  let envelope;
  try {
    response = await fetch(`/api/${path}${asQuery(query)}`, options);
    envelope = await response.json();
  } catch {
    throw new ApiError(0, {});
  }
  if (!response.ok) {
    throw new ApiError(response.status, envelope, Number(response.headers.get("Retry-After")) || 0);
  }
  envelope.version = response.headers.get("ETag");
  return envelope;
}

export function asQuery(values = {}) {
  const given = Object.entries(values).filter(([, value]) => value !== "" && value != null);
  return given.length ? `?${new URLSearchParams(given)}` : "";
}

// Auditors read by routes of their own: those of the reference are the admins'.
let reads;
export function readAs(role) {
  const [status, settings] = role === "auditor" ? ["read/status.php", "read/config.php"] : ["sync/status.php", "sync/get-config.php"];
  reads = { status, settings };
}

readAs("admin");

const get = (path, query) => call("GET", path, { query });
const post = (path, body) => call("POST", path, { body });

export const api = {
  me: () => get("auth/me.php"),
  login: (body) => post("auth/login.php", body),
  logout: () => post("auth/logout.php"),
  changePassword: (body) => post("auth/password.php", body),
  otp: () => get("auth/otp.php"),
  beginOtp: () => post("auth/otp-begin.php"),
  enableOtp: (body) => post("auth/otp-enable.php", body),
  disableOtp: () => post("auth/otp-disable.php"),
  sessions: () => get("auth/sessions.php"),
  endSession: (name) => post("auth/end-session.php", { session: name }),
  endSessions: (body) => post("auth/end-sessions.php", body),
  confirm: (body) => post("auth/confirm.php", body),

  status: () => get(reads.status),
  chart: (days) => get("sync/chart.php", { days }),
  runs: (query) => get("sync/runs.php", query),
  run: (query) => get("sync/run.php", query),
  retry: (body) => post("sync/retry.php", body),
  startSync: () => call("POST", "sync/sync-now.php", { headers: { Prefer: "respond-async" } }),
  cancel: () => post("sync/cancel.php"),
  acceptLosses: () => post("sync/accept-losses.php"),
  confirmChanges: () => post("sync/confirm-changes.php"),

  settings: () => get(reads.settings),
  // version: as settings() told it; null: whatever anybody else has changed. What moves
  // destination or sources is done with the password only.
  changeSettings: (changes, version = null) => call("POST", "sync/configure-sync.php",
    { body: changes, headers: { Prefer: "step-up", ...(version ? { "If-Match": version } : {}) } }),
  sources: () => get("sync/sources.php"),
  folders: (path) => get("sync/folders.php", { path }),
  doctor: ({ skipsRefused = false } = {}) => post("sync/doctor.php", { skip_refused_login: skipsRefused }),

  people: () => get("users/list.php"),
  addPerson: (body) => post("users/add.php", body),
  changePerson: (body) => post("users/change.php", body),
  resetPassword: (username) => post("users/reset-password.php", { username }),
  resetOtp: (username) => post("users/reset-otp.php", { username }),
  endUserSessions: (username) => post("users/end-sessions.php", { username }),
  unlock: (username) => post("users/unlock.php", { username }),

  tokens: () => get("tokens/list.php"),
  addToken: (body) => post("tokens/add.php", body),
  revokeToken: (id) => post("tokens/revoke.php", { id }),

  audit: (query) => get("audit/list.php", query),
};
