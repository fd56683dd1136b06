// How numbers and messages are written. Nothing here touches the page.

export const SEVERITIES = ["emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"];
const FACILITIES = ["kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp",
  "ntp", "audit", "alert", "clock", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7"];
const SOURCES = 8; // colours in the style sheet
const WHOLE = new Intl.NumberFormat("en-US");
const SHORT = new Intl.NumberFormat("en-US", { maximumSignificantDigits: 3 });
const STEPS = [[1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"]];

export function whole(number) {
  return WHOLE.format(number);
}

// A number in a few characters: 12.3k.
export function short(number) {
  for (const [step, letter] of STEPS) {
    if (Math.abs(number) >= step) return SHORT.format(number / step) + letter;
  }
  return SHORT.format(number);
}

export function quantity(number, unit) {
  if (number === undefined || number === null) return "–";
  const digits = number >= 100 && number < 1e6 ? whole(Math.round(number)) : short(number);
  return unit ? `${digits} ${unit}` : digits;
}

// A message as the drain sends it, by its fields' names.
export function readMessage([pri, version, timestamp, hostname, appname, procid, msgid, text, bytes]) {
  return { pri, version, timestamp, hostname, appname, procid, msgid, text, bytes, source: `${appname}[${procid}]` };
}

export function severity(message) {
  return message.pri & 7;
}

export function clock(timestamp) {
  return timestamp.length > 11 ? timestamp.slice(11, 23) : timestamp;
}

export function colour(source) {
  let sum = 0;
  for (const char of source) sum = (sum * 31 + char.codePointAt(0)) % 65521;
  return sum % SOURCES;
}

// All fields of a message, in the order of its header.
export function listFields(message) {
  return [
    ["severity", `${SEVERITIES[severity(message)]} (${severity(message)})`],
    ["facility", `${FACILITIES[message.pri >> 3]} (${message.pri >> 3})`],
    ["version", message.version],
    ["timestamp", message.timestamp],
    ["hostname", message.hostname],
    ["app-name", message.appname],
    ["procid", message.procid],
    ["msgid", message.msgid],
    ["message", message.text],
    ["frame", `${whole(message.bytes)} bytes`],
    ["number", `${whole(message.number)} since the drain has started`],
  ].map(([name, value]) => [name, String(value)]);
}
