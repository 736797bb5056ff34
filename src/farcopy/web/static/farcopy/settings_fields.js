// The settings in the order an admin thinks of them: words, units and defaults for each field.

const PATH = "An absolute path, Windows or POSIX; it is only ever read.";
const BROWSE = { text: "Browse …", work: async (input, label) => (await import("./folder_picker.js")).browse(input, label) };

export const FIELDS = {
  orthanc_storage_path: { label: "Orthanc storage directory", hint: `${PATH} Orthanc's live index is never sent.`, placeholder: "/var/lib/orthanc/db", button: BROWSE },
  hospital_data_path: { label: "Hospital data directory", hint: PATH, placeholder: "/srv/hospital", button: BROWSE },
  exclude: { label: "Leave out", type: "lines", hint: "One pattern a line, in gitignore's syntax: Thumbs.db, *.tmp, /export/. Upper and lower case differ. Copies that are there stay.", placeholder: "Thumbs.db" },
  ftp_host: { label: "Server", hint: "Host name or address, without ftp://", placeholder: "ftp.example.com" },
  ftp_port: { label: "Port", type: "number", hint: "Usually 21" },
  ftp_username: { label: "User name" },
  ftp_password: { label: "Password", type: "password", autocomplete: "new-password" },
  ftp_path: { label: "Directory on the server", hint: "The first sync makes it if it is not there. Without a leading slash it counts from the login directory. Not one that a web server shows: these are patients' images." },
  ftp_tls: { label: "Encryption", type: "select", choices: [["auto", "Wherever the server offers it"], ["required", "Always; never send without"], ["off", "Off: plain FTP, can be read on the way"]], hint: "Certificates are always verified. Required, whatever stands here, with CA certificates or a pinned certificate." },
  ftp_tls_ca: { label: "CA certificates", hint: "File (PEM) to verify the server with, instead of the system's. Leave empty for a public certificate.", placeholder: "/etc/ssl/certs/hospital-ca.pem" },
  ftp_tls_fingerprint: { label: "Pinned certificate", hint: "SHA-256 fingerprint (64 hex digits, colons allowed), trusted instead of a CA. The connection check shows the server's." },
  ftp_passive: { label: "Passive mode", type: "checkbox", hint: "On unless your network is very old: farcopy opens the data connections." },
  ftp_connections: { label: "Connections at most", type: "number", unit: "1 to 32, default 8", hint: "farcopy finds out by itself how many are of use." },
  ftp_limit_kib_s: { label: "Bandwidth limit", type: "number", unit: "KiB/s, 0: none", hint: "Of all connections together. May be changed during a sync and counts at once." },
  sync_enabled: { label: "Sync automatically", type: "checkbox" },
  sync_interval: { label: "Every", inText: "Sync automatically every", type: "number", unit: "minutes, default 120" },
  monitoring_enabled: { label: "Watch the directories in between", type: "checkbox", hint: "Something new starts a sync at once, and what waits is always known." },
  monitoring_interval: { label: "Look every", type: "number", unit: "minutes, default 30" },
};

export const GROUPS = [
  { name: "What is copied", about: "One directory or both.", fields: ["orthanc_storage_path", "hospital_data_path", "exclude"] },
  { name: "Where to", about: "The account on the FTP server. A change of server or user makes another destination, with nothing stored there yet.", fields: ["ftp_host", "ftp_port", "ftp_username", "ftp_password", "ftp_path"] },
  { name: "Encryption", about: "FTPS (explicit TLS). A server once seen with TLS is refused without.", fields: ["ftp_tls", "ftp_tls_ca", "ftp_tls_fingerprint"] },
  { name: "Line", about: "How farcopy uses your line.", fields: ["ftp_limit_kib_s", "ftp_connections", "ftp_passive"] },
  { name: "When", about: "A sync by hand is possible at any time.", fields: ["sync_enabled", "sync_interval", "monitoring_enabled", "monitoring_interval"] },
];

// Texts of the API name settings by their keys; on this page each has a label.
const KEYS = new RegExp(`\\b(${Object.keys(FIELDS).filter((key) => key.includes("_")).join("|")})\\b`, "g");
export const labelOf = (name) => FIELDS[name]?.inText || FIELDS[name]?.label || name;
export const withLabels = (text) => text.replace(KEYS, (key) => `“${labelOf(key)}”`);

// A value as one reads it in a sentence.
export function shownValue(name, value) {
  if (value === null || value === "") return "nothing";
  if (typeof value === "boolean") return value ? "on" : "off";
  const choice = FIELDS[name]?.choices?.find(([key]) => key === value);
  return choice ? `“${choice[1]}”` : String(value);
}

const PASSWORD_KEPT = "One is stored. Leave this empty to keep it; a change of server, user or certificate needs it again.";

export function specs(names, settings) {
  return names.map((name) => {
    const spec = { name, ...FIELDS[name] };
    if (name !== "ftp_password") return { ...spec, value: settings[name] };
    const isStored = settings.ftp_password !== null;
    return { ...spec, value: "", hint: isStored ? PASSWORD_KEPT : "Stored encrypted, and never shown again.", placeholder: isStored ? "••••••••" : "" };
  });
}
