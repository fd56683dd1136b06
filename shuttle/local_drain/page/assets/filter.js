// The filter: a text, or a regular expression between slashes, and the sources that were chosen. It touches no page.

const EXPRESSION = /^\/(.+)\/([imsu]*)$/;

export class Filter {
  constructor() {
    this.sources = new Set();
    this.error = "";
    this.matchText = null;
  }

  get active() {
    return this.matchText !== null || this.sources.size > 0;
  }

  // Take what somebody has typed. An expression that cannot be one is said to be, and the filter before it stays.
  setText(typed) {
    this.error = "";
    const expression = EXPRESSION.exec(typed);
    if (!expression) {
      const wanted = typed.toLowerCase();
      this.matchText = typed ? (text) => text.toLowerCase().includes(wanted) : null;
      return;
    }
    try {
      const pattern = new RegExp(expression[1], expression[2]);
      this.matchText = (text) => pattern.test(text);
    } catch (error) {
      this.error = error.message;
    }
  }

  toggleSource(source) {
    if (!this.sources.delete(source)) this.sources.add(source);
  }

  matches(message) {
    if (message.mark) return true;
    if (this.sources.size > 0 && !this.sources.has(message.source)) return false;
    return this.matchText === null || this.matchText(`${message.hostname} ${message.source}: ${message.text}`);
  }
}
