// The numbers at the top, and the chart of the one that was chosen.

import { draw } from "./chart.js";
import { short, whole } from "./format.js";

// Name, title, unit of the rate; those without one are about trouble, and show their total.
const TILES = [
  ["requests", "requests/s", "requests"],
  ["messages", "messages/s", "messages"],
  ["bytes", "bytes/s", "bytes"],
  ["refused", "refused", ""],
  ["duplicates", "duplicates", ""],
  ["dropped", "dropped (L12)", ""],
  ["lost", "lost (L13)", ""],
];

export class Traffic {
  constructor() {
    this.chosen = "messages";
    this.tiles = new Map(TILES.map((tile) => [tile[0], this.make(...tile)]));
    document.getElementById("tiles").append(...[...this.tiles.values()].map((tile) => tile.button));
    this.choose(this.chosen);
  }

  make(name, title, unit) {
    const button = document.createElement("button");
    button.type = "button";
    button.dataset.name = name;
    const number = document.createElement("b");
    const label = document.createElement("span");
    const below = document.createElement("span");
    number.textContent = "0";
    label.textContent = title;
    button.append(number, label, below);
    button.addEventListener("click", () => this.choose(name));
    return { button, number, below, title, unit };
  }

  choose(name) {
    this.chosen = name;
    for (const [other, { button }] of this.tiles) button.setAttribute("aria-pressed", String(other === name));
    if (this.rates) this.chart();
  }

  update(rates) {
    this.rates = rates;
    for (const [name, { button, number, below, unit }] of this.tiles) {
      const { total, rate } = rates[name];
      number.textContent = unit ? short(rate) : whole(total);
      below.textContent = unit ? `${short(total)} in all` : `${short(rate)}/s`;
      button.dataset.bad = String(!unit && total > 0);
    }
    this.chart();
  }

  chart() {
    const { title } = this.tiles.get(this.chosen);
    const values = this.rates[this.chosen].chart;
    const top = draw(document.getElementById("chart"), values);
    document.getElementById("chart-top").textContent = `at most ${short(top)} in a second`;
    document.getElementById("chart-title").textContent = `${title}, second by second over five minutes`;
  }
}
