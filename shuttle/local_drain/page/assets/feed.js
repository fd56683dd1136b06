// The connection to the drain: server-sent events, which go on where they were broken off.
// The browser connects again by itself, unless the drain has refused or was not there: then this does, with the last id.

import { readMessage } from "./format.js";

const RETRY = 1000; // milliseconds

export class Feed {
  // `told` has `messages(list)`, `gap(count)`, `restart()`, `numbers(object)` and `state(name)`.
  constructor(told) {
    this.told = told;
    this.epoch = "";
    this.last = "";
    this.order = 0; // goes on over restarts, unlike the drain's numbers
    this.connect();
  }

  connect() {
    const source = new EventSource(`/events?last=${encodeURIComponent(this.last)}`);
    source.addEventListener("open", () => this.told.state("open"));
    source.addEventListener("hello", (event) => this.greet(JSON.parse(event.data)));
    source.addEventListener("messages", (event) => this.take(event));
    source.addEventListener("numbers", (event) => this.told.numbers(JSON.parse(event.data)));
    source.addEventListener("error", () => {
      this.told.state("closed");
      if (source.readyState === EventSource.CLOSED) setTimeout(() => this.connect(), RETRY);
    });
  }

  greet({ epoch }) {
    if (this.epoch && this.epoch !== epoch) this.told.restart();
    this.epoch = epoch;
  }

  take(event) {
    const { first, skipped, messages } = JSON.parse(event.data);
    this.last = event.lastEventId;
    if (skipped > 0) this.told.gap(skipped);
    const list = messages.map(readMessage);
    list.forEach((message, index) => {
      message.number = first + index;
      message.order = this.order++;
    });
    this.told.messages(list);
  }
}
