// The page: what comes from the drain goes into the store at once, and into the page once a frame.

import { Feed } from "./feed.js";
import { Filter } from "./filter.js";
import { colour, listFields, whole } from "./format.js";
import { List } from "./list.js";
import { Metrics } from "./metrics.js";
import { Store } from "./store.js";
import { Traffic } from "./traffic.js";

const MOST_CHIPS = 30;
const STATES = { open: "connected", closed: "the drain is not there; trying again" };
const find = (id) => document.getElementById(id);

const filter = new Filter();
const store = new Store(filter);
const list = new List(store, openDetails);
const traffic = new Traffic();
const metrics = new Metrics();
let numbers = null;
let gap = 0;
let due = false;

function schedule() {
  if (due) return;
  due = true;
  requestAnimationFrame(() => {
    due = false;
    render();
  });
}

function render() {
  if (numbers) {
    traffic.update(numbers.rates);
    metrics.update(numbers);
    numbers = null;
  }
  list.update();
  renderChips();
  const shown = store.shown.length;
  const parts = [filter.active ? `${whole(shown)} of ${whole(store.kept.length)} messages` : `${whole(shown)} messages`];
  if (filter.error) parts.push(filter.error);
  setText(find("shown"), parts.join("; "));
  find("filter").setAttribute("aria-invalid", String(filter.error !== ""));
  setText(find("pause"), store.paused ? `Resume (${whole(store.arrived)} arrived)` : "Pause");
  find("pause").setAttribute("aria-pressed", String(store.paused));
  find("gap").hidden = gap === 0;
  setText(find("gap"), `${whole(gap)} messages came faster than this page took them, and are not here.`);
}

function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function renderChips() {
  const box = find("chips");
  const sources = [...store.sources.keys()].slice(0, MOST_CHIPS);
  const names = sources.join("\n");
  if (box.dataset.names !== names) {
    const focused = document.activeElement?.dataset?.name;
    box.dataset.names = names;
    box.replaceChildren(...sources.map(makeChip));
    for (const chip of box.children) if (chip.dataset.name === focused) chip.focus();
  }
  for (const chip of box.children) chip.setAttribute("aria-pressed", String(filter.sources.has(chip.dataset.name)));
}

function makeChip(source) {
  const chip = document.createElement("button");
  chip.type = "button";
  chip.textContent = source;
  chip.dataset.name = source;
  chip.dataset.source = colour(source);
  chip.addEventListener("click", () => {
    filter.toggleSource(source);
    refilter();
  });
  return chip;
}

function refilter() {
  store.refilter();
  list.follow();
  schedule();
}

function openDetails(message) {
  const pairs = listFields(message).flatMap(([name, value]) => {
    const term = document.createElement("dt");
    const text = document.createElement("dd");
    term.textContent = name;
    text.textContent = value;
    return [term, text];
  });
  find("fields").replaceChildren(...pairs);
  find("details").showModal();
}

function togglePause() {
  if (store.paused) store.resume();
  else store.pause();
  schedule();
}

find("filter").addEventListener("input", (event) => {
  filter.setText(event.target.value);
  refilter();
});
find("pause").addEventListener("click", togglePause);
find("newest").addEventListener("click", () => list.follow());
document.addEventListener("keydown", (event) => {
  const typing = event.target instanceof HTMLInputElement;
  if (find("details").open || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "Escape" && (typing || filter.active)) {
    find("filter").value = "";
    filter.setText("");
    filter.sources.clear();
    find("stream").focus();
    refilter();
  } else if (event.key === "/" && !typing) {
    find("filter").focus();
  } else if (event.key === "p" && !typing) {
    togglePause();
  } else return;
  event.preventDefault();
});

const feed = new Feed({
  messages(messages) {
    store.add(messages);
    schedule();
  },
  gap(count) {
    gap += count;
    store.add([{ mark: true, text: `${whole(count)} messages are missing here: they came too fast`, order: feed.order++ }]);
    schedule();
  },
  restart() {
    store.add([{ mark: true, text: "the drain was started again", order: feed.order++ }]);
    schedule();
  },
  numbers(latest) {
    numbers = latest;
    schedule();
  },
  state(name) {
    find("connection").dataset.state = name;
    setText(find("connection"), STATES[name]);
  },
});
