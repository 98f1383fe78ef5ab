/**
 * The event stream of the server. The browser takes it up again by itself where it broke off (Last-Event-ID); what was
 * missed all the same is asked for.
 */

/** Fires `state` with 'live' or 'waiting' as its detail, and `connection` with what the server said of one. */
export class Live extends EventTarget {
  #source = /** @type {EventSource | null} */ (null);
  #retry = 0;
  #broken = false;

  /** @param {import('./exchanges.js').Exchanges} exchanges what is told of them */
  constructor(exchanges) {
    super();
    this.exchanges = exchanges;
    this.state = 'waiting';
  }

  /** Begins to listen. @param {number} after the newest number that is known already */
  listen(after) {
    clearTimeout(this.#retry);
    this.#source?.close();
    const source = (this.#source = new EventSource(`/api/events?after=${after}`));
    source.addEventListener('open', () => {
      this.#say('live');
      // A stream that was begun anew, and not taken up, knows nothing of what came between.
      if (this.#broken) this.exchanges.load();
      this.#broken = false;
    });
    source.addEventListener('error', () => {
      this.#say('waiting');
      if (source.readyState !== EventSource.CLOSED) return;
      this.#broken = true;
      this.#retry = window.setTimeout(() => this.listen(after), 2000);
    });
    on(source, 'exchange', (summary) => this.exchanges.hear(summary));
    on(source, 'open', (summary) => this.exchanges.hear(summary));
    on(source, 'status', (counts) => this.exchanges.count(counts));
    on(source, 'gap', () => this.exchanges.catchUp());
    on(source, 'connection', (connection) => this.dispatchEvent(new CustomEvent('connection', { detail: connection })));
  }

  /** @param {'live' | 'waiting'} state */
  #say(state) {
    this.state = state;
    this.dispatchEvent(new CustomEvent('state', { detail: state }));
  }
}

/**
 * The stream's own `open` carries no data; an event of that name does.
 * @param {EventSource} source @param {string} name @param {(data: any) => void} take
 */
function on(source, name, take) {
  source.addEventListener(name, (event) => {
    const { data } = /** @type {MessageEvent} */ (event);
    if (data !== undefined) take(JSON.parse(data));
  });
}
