// The WebSocket: receives state and statistics, sends actions, and reconnects for as long as the page is open.

import { open_socket, refused, request } from "./access.js";
import { language, say } from "./words.js";

const RETRY_MS = [250, 500, 1000, 2000];
const PATIENCE_MS = 3000;

export class Wire extends EventTarget {
  #socket = null; #number = 0; #answers = new Map(); #attempt = 0; #timer = 0;

  connect() {
    clearTimeout(this.#timer);
    const socket = this.#socket = open_socket(`/api/live?language=${language}`);
    socket.onopen = () => { this.#attempt = 0; this.#tell("open"); };
    socket.onmessage = event => this.#hear(JSON.parse(event.data));
    socket.onclose = () => this.#lost(socket);
  }

  // Resolves with the result of an action; rejects with the reason of a refusal.
  ask(action, args = {}) {
    if (this.#socket?.readyState !== WebSocket.OPEN) return Promise.reject(new Error(say("not connected")));
    const id = ++this.#number;
    this.#socket.send(JSON.stringify({ id, action, arguments: args }));
    return new Promise((done, refused) => this.#answers.set(id, { done, refused }));
  }

  // Connect at once, for instance because the computer woke up.
  hurry() {
    if (this.#socket?.readyState === WebSocket.CLOSED) this.connect();
  }

  #hear(message) {
    const answer = this.#answers.get(message.id);
    this.#answers.delete(message.id);
    if (message.state) this.#tell("state", message.state);
    if (message.type === "done") answer?.done(message);
    else if (message.type === "refused") answer?.refused(new Error(message.error));
    else if (message.type === "stats") this.#tell("stats", message.stats);
    else if (message.type === "notice") this.#tell("notice", message.text);
  }

  async #lost(socket) {
    if (socket !== this.#socket) return;
    for (const { refused } of this.#answers.values()) refused(new Error(say("the connection was lost")));
    this.#answers.clear();
    const expired = await this.#expired();
    if (socket !== this.#socket) return; // `hurry` has opened another one
    this.#tell("closed", expired);
    this.#timer = setTimeout(() => this.connect(), RETRY_MS[Math.min(this.#attempt++, RETRY_MS.length - 1)]);
  }

  // A restarted stylecam may require another token than this page has.
  async #expired() {
    if (!this.#attempt) return false;
    try {
      const signal = AbortSignal.timeout(PATIENCE_MS); // a computer that is off does not even refuse
      return (await request("/api/state", { signal })).status === 401 && !refused();
    } catch { return false; }
  }

  #tell(type, detail) { this.dispatchEvent(new CustomEvent(type, { detail })); }
}
