// The list of messages. Only the rows that are in sight are in the page, however many messages there are.

import { SEVERITIES, clock, colour, severity } from "./format.js";

const ROW = 24; // pixels, as --row in the style sheet
const OVER = 4; // rows beyond the edges
const LONGEST = 500; // characters of a text in a row; the details have the rest

export class List {
  constructor(store, open) {
    this.store = store;
    this.open = open;
    this.box = document.getElementById("stream");
    this.rows = document.getElementById("rows");
    this.pool = [];
    this.following = true;
    this.removed = 0;
    this.placed = 0; // where the list was scrolled to from here
    this.chosen = null; // a message
    this.drawn = "";
    this.box.addEventListener("scroll", () => this.scrolled());
    this.box.addEventListener("keydown", (event) => this.press(event));
    this.rows.addEventListener("click", (event) => this.click(event));
    new ResizeObserver(() => this.draw()).observe(this.box);
  }

  get count() {
    return this.store.shown.length;
  }

  // The event of a scroll comes later. That of a person decides whether the list follows; that of `place` decides nothing.
  scrolled() {
    const { scrollTop, clientHeight, scrollHeight } = this.box;
    if (scrollTop !== this.placed) this.following = scrollTop + clientHeight >= scrollHeight - ROW;
    this.placed = scrollTop;
    this.draw();
  }

  place(top) {
    this.box.scrollTop = top;
    this.placed = this.box.scrollTop;
  }

  // Show what there is now. Whoever has scrolled up goes on seeing the same messages, though older ones leave.
  update() {
    const gone = this.store.removed - this.removed;
    this.removed = this.store.removed;
    const top = this.box.scrollTop;
    this.rows.style.height = `${this.count * ROW}px`;
    if (this.following) this.place(this.count * ROW);
    else if (gone > 0) this.place(Math.max(0, top - gone * ROW));
    this.draw();
  }

  follow() {
    this.following = true;
    this.chosen = null;
    this.update();
  }

  draw() {
    const first = Math.max(0, Math.floor(this.box.scrollTop / ROW) - OVER);
    const last = Math.min(this.count, Math.ceil((this.box.scrollTop + this.box.clientHeight) / ROW) + OVER);
    while (this.pool.length < last - first) this.pool.push(this.make());
    this.pool.forEach((row, index) => {
      const message = first + index < last ? this.store.shown[first + index] : undefined;
      row.element.hidden = message === undefined;
      if (message) this.fill(row, message, first + index);
    });
    const active = this.chosen && this.pool.find((row) => row.message === this.chosen && !row.element.hidden);
    if (active) this.box.setAttribute("aria-activedescendant", active.element.id);
    else this.box.removeAttribute("aria-activedescendant");
  }

  make() {
    const element = document.createElement("div");
    element.className = "row";
    element.id = `row-${this.pool.length}`;
    element.setAttribute("role", "option");
    const cells = ["time", "severity", "source", "text"].map((name) => {
      const cell = document.createElement("span");
      cell.className = name;
      return cell;
    });
    element.append(...cells);
    this.rows.append(element);
    return { element, cells, message: null };
  }

  fill(row, message, index) {
    row.element.style.transform = `translateY(${index * ROW}px)`;
    row.element.setAttribute("aria-posinset", index + 1);
    row.element.setAttribute("aria-setsize", this.count);
    row.element.setAttribute("aria-selected", String(message === this.chosen));
    if (row.message === message) return;
    row.message = message;
    const [time, level, source, text] = row.cells;
    row.element.toggleAttribute("data-mark", Boolean(message.mark));
    if (message.mark) {
      delete row.element.dataset.severity;
      delete source.dataset.source;
    } else {
      row.element.dataset.severity = severity(message);
      source.dataset.source = colour(message.source);
    }
    time.textContent = message.mark ? "" : clock(message.timestamp);
    level.textContent = message.mark ? "" : SEVERITIES[severity(message)];
    source.textContent = message.source ?? "";
    text.textContent = message.text.length > LONGEST ? `${message.text.slice(0, LONGEST)}…` : message.text;
  }

  click(event) {
    const element = event.target.closest(".row");
    const row = this.pool.find((other) => other.element === element);
    if (!row || !row.message || row.message.mark) return;
    this.chosen = row.message;
    this.draw();
    this.open(row.message);
  }

  press(event) {
    const page = Math.max(1, Math.floor(this.box.clientHeight / ROW) - 1);
    const steps = { ArrowUp: -1, ArrowDown: 1, PageUp: -page, PageDown: page, Home: -Infinity, End: Infinity };
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    if (event.key in steps && this.count > 0) this.move(steps[event.key]);
    else if (event.key === "Enter" && this.chosen && !this.chosen.mark) this.open(this.chosen);
    else return;
    event.preventDefault();
  }

  // Choose a message so many further down, and bring it into sight.
  move(step) {
    const at = this.chosen ? this.store.shown.indexOf(this.chosen) : -1;
    const start = at < 0 ? this.count - (step < 0 ? 0 : 1) : at;
    const index = Math.min(this.count - 1, Math.max(0, start + step));
    this.chosen = this.store.shown[index];
    const top = index * ROW;
    if (top < this.box.scrollTop) this.place(top);
    if (top + ROW > this.box.scrollTop + this.box.clientHeight) this.place(top + ROW - this.box.clientHeight);
    this.following = index === this.count - 1;
    this.draw();
  }
}
