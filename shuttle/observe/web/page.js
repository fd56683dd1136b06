"use strict";

const EVERY = 1000; // milliseconds between two looks
const SPAN = 600; // seconds that a chart shows
const CHARTS = [
  { title: "lines per second", parts: [{ column: 1, name: "read", style: "" }, { column: 2, name: "delivered", style: "second" }] },
  { title: "held lines", parts: [{ column: 4, name: "held", style: "" }] },
  { title: "dropped and lost per second", parts: [{ column: 3, name: "missing", style: "bad" }] },
];

const find = (id) => document.getElementById(id);
const whole = new Intl.NumberFormat("en");
const short = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
const formatCount = (value) => (value < 1e8 ? whole : short).format(value < 10 ? Number(value.toFixed(1)) : Math.round(value));

function formatBytes(value) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let place = 0;
  for (; value >= 1024 && place < units.length - 1; place += 1) value /= 1024;
  return `${place ? value.toFixed(1) : value} ${units[place]}`;
}

function formatSeconds(value) {
  if (value < 60) return `${value.toFixed(value < 10 ? 1 : 0)} s`;
  if (value < 3600) return `${Math.floor(value / 60)} min ${Math.floor(value % 60)} s`;
  return `${Math.floor(value / 3600)} h ${Math.floor((value % 3600) / 60)} min`;
}

function make(tag, text, style) {
  const element = document.createElement(tag);
  if (text !== undefined) element.textContent = text;
  if (style) element.className = style;
  return element;
}

function fill(list, pairs) {
  list.replaceChildren(...pairs.flatMap(([name, value]) => [make("dt", name), make("dd", value)]));
}

function mark(id, style) {
  find(id).setAttribute("class", `box ${style}`);
}

function showWay(state) {
  for (const element of document.querySelectorAll("[data-count]")) {
    element.textContent = formatCount(state[element.dataset.count]);
  }
  find("spooled").textContent = state.spool ? formatCount(state.spool.lines) : "no spool";
  mark("box-drain", state.drain.is_up ? "good" : "bad");
  mark("box-held", state.drain.is_up ? "" : "warning");
  mark("box-dropped", state.dropped ? "bad" : "");
  mark("box-lost", state.lost ? "bad" : "");
  const names = ["delivered", "dropped", "lost", "held"];
  const sum = names.map((name) => `${whole.format(state[name])} ${name}`).join(" + ");
  find("identity").textContent = `${whole.format(state.read)} read = ${sum}`;
}

function showDrain(state) {
  const drain = state.drain;
  const requests = Object.entries(state.codes).map(([code, count]) => `${code}: ${whole.format(count)}`);
  const pairs = [["state", drain.is_up ? "up" : `down for ${formatSeconds(drain.down_for)}`]];
  if (!drain.is_up) pairs.push(["reason", drain.error], ["next attempt", `in ${formatSeconds(drain.pause)}`]);
  const last = drain.last_delivery;
  pairs.push(
    ["last delivery", last === null ? "none yet" : new Date(last * 1000).toLocaleTimeString()],
    ["answers", requests.join(", ") || "none yet"],
    ["in memory", formatBytes(state.held_bytes)],
    ["oldest line", state.oldest_age ? `${formatSeconds(state.oldest_age)} old` : "none waits"],
  );
  if (state.missed) pairs.push(["missed stretches", whole.format(state.missed)]);
  fill(find("drain"), pairs);
}

function showSpool(spool) {
  find("spool-section").hidden = !spool;
  if (!spool) return;
  fill(find("spool"), [
    ["lines", whole.format(spool.lines)],
    ["size", `${formatBytes(spool.bytes)} of ${formatBytes(spool.most_bytes)}`],
    ["oldest", spool.lines ? `${formatSeconds(spool.oldest_age)} old` : "none"],
  ]);
}

function showFiles(unread) {
  const files = Object.entries(unread);
  find("files-section").hidden = !files.length;
  find("files").replaceChildren(...files.map(([path, left]) => {
    const row = make("tr");
    row.append(make("td", path), make("td", formatBytes(left)));
    return row;
  }));
}

function draw(rates, column, most) {
  return rates.map((rate, place) => {
    const x = 100 - (100 * rate[0]) / SPAN;
    const y = 96 - (92 * rate[column]) / most;
    return `${place ? "L" : "M"}${x.toFixed(2)} ${y.toFixed(2)}`;
  }).join("");
}

function makeChart({ title, parts }) {
  const figure = make("figure");
  const caption = make("figcaption");
  const now = make("span");
  caption.append(make("span", title), now);
  const space = "http://www.w3.org/2000/svg";
  const chart = document.createElementNS(space, "svg");
  chart.setAttribute("class", "chart");
  chart.setAttribute("viewBox", "0 0 100 100");
  chart.setAttribute("preserveAspectRatio", "none");
  chart.setAttribute("role", "img");
  const paths = parts.map(({ style }) => {
    const path = document.createElementNS(space, "path");
    path.setAttribute("class", style);
    chart.append(path);
    return path;
  });
  figure.append(caption, chart);
  find("charts").append(figure);
  return (rates) => {
    const most = Math.max(0, ...parts.flatMap(({ column }) => rates.map((rate) => rate[column])));
    parts.forEach(({ column }, place) => paths[place].setAttribute("d", draw(rates, column, most || 1)));
    const latest = rates.at(-1);
    const values = parts.map(({ column, name }) => `${name} ${latest ? formatCount(latest[column]) : 0}`);
    now.textContent = `${values.join(", ")}; most ${formatCount(most)}`;
    chart.setAttribute("aria-label", `${title}: ${now.textContent}`);
  };
}

let shownLine = 0;

function showLog(lines) {
  const list = find("log");
  const newest = lines.length ? lines.at(-1).number : 0;
  if (newest === shownLine) return;
  const atEnd = list.scrollTop + list.clientHeight >= list.scrollHeight - 8;
  shownLine = newest;
  list.replaceChildren(...lines.map(({ level, text }) => make("li", text, level)));
  if (atEnd) list.scrollTop = list.scrollHeight;
}

function showStatus(text, style) {
  const status = find("status");
  if (status.textContent !== text) status.textContent = text; // a screen reader says each change
  status.className = style;
}

const charts = CHARTS.map(makeChart);
let paused = false;

function show(state) {
  find("version").textContent = state.version;
  const ready = !state.reasons.length;
  const calm = state.landing ? "landing: what is held is delivered" : "ready";
  showStatus(ready ? calm : state.reasons.join("; ").replace(/for \d+ s/, ""), ready ? "good" : "bad");
  showWay(state);
  showDrain(state);
  showSpool(state.spool);
  showFiles(state.unread);
  charts.forEach((update) => update(state.rates));
  showLog(state.log);
}

async function look() {
  if (!paused && !document.hidden) {
    try {
      const answer = await fetch("/state.json", { cache: "no-store", signal: AbortSignal.timeout(5000) });
      if (!answer.ok) throw new Error(`status ${answer.status}`);
      show(await answer.json());
    } catch {
      showStatus("the agent does not answer: it may have ended", "bad");
    }
  }
  setTimeout(look, EVERY);
}

find("pause").addEventListener("click", (event) => {
  paused = !paused;
  event.currentTarget.textContent = paused ? "Go on" : "Pause";
  event.currentTarget.setAttribute("aria-pressed", String(paused));
});

look();
