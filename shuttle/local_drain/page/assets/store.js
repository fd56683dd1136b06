// The messages that the page keeps: the newest ones, those that match the filter, and those that came in a pause.
// It touches no page, and is bounded, since a page that nobody looks at is not drawn but goes on receiving.

export const MOST = 10000; // messages
const MOST_CHARACTERS = 16 * 1024 * 1024; // of their texts

export class Store {
  constructor(filter) {
    this.filter = filter;
    this.kept = [];
    this.shown = this.kept; // the same list as long as there is no filter
    this.removed = 0; // messages that have left `shown` at its beginning, all told
    this.sources = new Map(); // how many of the kept messages each source has
    this.paused = false;
    this.arrived = 0; // in this pause
    this.waiting = [];
    this.characters = 0;
    this.revision = 0; // grows with each change of `shown`
  }

  add(messages) {
    if (this.paused) {
      this.arrived += messages.filter((message) => !message.mark).length;
      this.waiting.push(...messages);
      if (this.waiting.length > MOST) this.waiting.splice(0, this.waiting.length - MOST);
      return;
    }
    for (const message of messages) {
      this.kept.push(message);
      this.characters += message.text.length;
      if (!message.mark) this.sources.set(message.source, (this.sources.get(message.source) ?? 0) + 1);
      if (this.shown !== this.kept && this.filter.matches(message)) this.shown.push(message);
    }
    this.trim();
    this.revision += 1;
  }

  // Drop the oldest, all that are too many at once.
  trim() {
    let over = Math.max(0, this.kept.length - MOST);
    let characters = this.characters;
    for (let at = 0; at < over; at += 1) characters -= this.kept[at].text.length;
    while (characters > MOST_CHARACTERS) characters -= this.kept[over++].text.length;
    if (over === 0) return;
    this.characters = characters;
    const gone = this.kept.splice(0, over);
    for (const message of gone) this.forget(message);
    if (this.shown === this.kept) {
      this.removed += over;
      return;
    }
    const last = gone[gone.length - 1].order;
    const first = this.shown.findIndex((message) => message.order > last);
    this.removed += this.shown.splice(0, first < 0 ? this.shown.length : first).length;
  }

  forget(message) {
    if (message.mark) return;
    const left = this.sources.get(message.source) - 1;
    if (left > 0) this.sources.set(message.source, left);
    else if (!this.filter.sources.has(message.source)) this.sources.delete(message.source);
    else this.sources.set(message.source, 0);
  }

  // Choose again what is shown, after the filter has changed.
  refilter() {
    this.shown = this.filter.active ? this.kept.filter((message) => this.filter.matches(message)) : this.kept;
    this.revision += 1;
  }

  pause() {
    this.paused = true;
    this.arrived = 0;
  }

  resume() {
    this.paused = false;
    const waiting = this.waiting;
    this.waiting = [];
    this.add(waiting);
  }
}
