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

async function call(method, path, { body, query, headers = {} } = {}) {
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

const get = (path, query) => call("GET", path, { query });
const post = (path, body) => call("POST", path, { body });

export const api = {
  me: () => get("auth/me.php"),
  login: (username, password) => post("auth/login.php", { username, password }),
  logout: () => post("auth/logout.php"),
  changePassword: (body) => post("auth/password.php", body),

  status: () => get("sync/status.php"),
  chart: (days) => get("sync/chart.php", { days }),
  runs: (query) => get("sync/runs.php", query),
  run: (query) => get("sync/run.php", query),
  retry: (body) => post("sync/retry.php", body),
  startSync: () => call("POST", "sync/sync-now.php", { headers: { Prefer: "respond-async" } }),
  cancel: () => post("sync/cancel.php"),
  acceptLosses: () => post("sync/accept-losses.php"),
  confirmChanges: () => post("sync/confirm-changes.php"),

  settings: () => get("sync/get-config.php"),
  // version: as settings() told it; null: whatever anybody else has changed.
  changeSettings: (changes, version = null) => call("POST", "sync/configure-sync.php",
    { body: changes, headers: version ? { "If-Match": version } : {} }),
  sources: () => get("sync/sources.php"),
  folders: (path) => get("sync/folders.php", { path }),
  doctor: ({ skipsRefused = false } = {}) => post("sync/doctor.php", { skip_refused_login: skipsRefused }),

  people: () => get("users/list.php"),
  addPerson: (body) => post("users/add.php", body),
  changePerson: (body) => post("users/change.php", body),
  resetPassword: (username) => post("users/reset-password.php", { username }),
  unlock: (username) => post("users/unlock.php", { username }),

  audit: (query) => get("audit/list.php", query),
};
