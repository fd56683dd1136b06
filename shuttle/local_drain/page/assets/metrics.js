// The metrics in the lines: a card each. They are reused, and there are at most as many as the drain sends.

import { draw, make } from "./chart.js";
import { quantity, short, whole } from "./format.js";

const KINDS = {
  count: { main: ({ minute, unit }) => `${quantity(minute, unit)} a minute`, numbers: ["total"] },
  sample: { main: ({ last, unit }) => quantity(last, unit), numbers: [] },
  measure: { main: ({ median, unit }) => `${quantity(median, unit)} median`, numbers: ["min", "median", "p95", "p99", "max"] },
};

export class Metrics {
  constructor() {
    this.section = document.getElementById("metrics");
    this.cards = document.getElementById("cards");
    this.note = document.getElementById("metrics-note");
    this.known = new Map();
  }

  update({ metrics, series, ignored }) {
    this.section.hidden = metrics.length === 0;
    const drawn = new Map();
    for (const metric of metrics) {
      const key = JSON.stringify([metric.name, metric.unit, metric.source, metric.kind]);
      const card = this.known.get(key) ?? this.make(metric);
      this.fill(card, metric);
      drawn.set(key, card);
    }
    for (const [key, { element }] of this.known) if (!drawn.has(key)) element.remove();
    this.known = drawn;
    let before = null;
    for (const { element } of drawn.values()) {
      const wanted = before ? before.nextSibling : this.cards.firstChild;
      if (wanted !== element) this.cards.insertBefore(element, wanted);
      before = element;
    }
    this.warn(series - metrics.length, ignored);
  }

  warn(hidden, ignored) {
    const notes = [];
    if (hidden > 0) notes.push(`${whole(hidden)} more are not shown: these had values last.`);
    if (ignored > 0) notes.push(`${whole(ignored)} values were ignored: there are too many names and sources.`);
    this.note.hidden = notes.length === 0;
    this.note.textContent = notes.join(" ");
  }

  make({ kind, name, source }) {
    const element = document.createElement("article");
    element.className = "card";
    const title = document.createElement("h3");
    const from = document.createElement("span");
    from.className = "source";
    from.textContent = source ? ` ${source}` : "";
    title.append(name, from);
    const main = document.createElement("p");
    main.className = "main";
    const list = document.createElement("dl");
    const numbers = new Map([...KINDS[kind].numbers, "values"].map((label) => [label, this.add(list, label)]));
    const svg = make();
    element.append(title, main, svg, list);
    return { element, main, numbers, svg };
  }

  add(list, label) {
    const pair = document.createElement("div");
    const term = document.createElement("dt");
    const value = document.createElement("dd");
    term.textContent = label;
    pair.append(term, value);
    list.append(pair);
    return value;
  }

  fill({ main, numbers, svg }, metric) {
    main.textContent = KINDS[metric.kind].main(metric);
    for (const [label, value] of numbers) {
      value.textContent = label === "values" ? short(metric.values) : quantity(metric[label], metric.unit);
    }
    draw(svg, metric.chart, metric.tops);
  }
}
