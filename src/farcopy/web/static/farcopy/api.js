// Calls of the API. Every answer is the envelope; a refusal is thrown as ApiError.

export class ApiError extends Error {
  constructor(status, envelope) {
    super(envelope.error || "The server cannot be reached");
    this.status = status;
    this.code = envelope.code || "unreachable";
  }
}

async function call(method, path, body) {
  const options = { method, credentials: "same-origin", headers: {} };
  if (body !== undefined) {
    options.headers["Content-Type"] = "application/json";
    options.body = JSON.stringify(body);
  }
  let response;
  let envelope;
  try {
    response = await fetch(`/api/${path}`, options);
    envelope = await response.json();
  } catch {
    throw new ApiError(0, {});
  }
  if (!response.ok) {
    throw new ApiError(response.status, envelope);
  }
  return envelope;
}

export const api = {
  me: () => call("GET", "auth/me.php"),
  login: (username, password) => call("POST", "auth/login.php", { username, password }),
  logout: () => call("POST", "auth/logout.php"),
  changePassword: (body) => call("POST", "auth/password.php", body),
  status: () => call("GET", "sync/status.php"),
  syncNow: () => call("POST", "sync/sync-now.php"),
  confirmChanges: () => call("POST", "sync/confirm-changes.php"),
  testConnection: () => call("POST", "sync/test-connection.php"),
};
