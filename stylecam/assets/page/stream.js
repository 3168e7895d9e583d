// The live picture: reads multipart JPEGs, draws the newest one, and reconnects whenever the stream ends.

import { request } from "./access.js";

const SILENCE_MS = 4000;
const RETRY_MS = [300, 600, 1200, 2000];

export class Stream {
  #context; #seen; #running = null; #attempt = 0; #decoding = false; #waiting = null;

  // `seen(canvas)` is called after each picture is drawn.
  constructor(canvas, seen = () => {}) {
    this.#context = canvas.getContext("2d", { alpha: false });
    this.#seen = seen;
    this.pictures = 0;
  }

  start() {
    if (this.#running) return;
    this.#running = new AbortController();
    this.#keepReading(this.#running.signal);
  }

  stop() {
    this.#running?.abort();
    this.#running = null;
  }

  restart() {
    this.stop();
    this.#attempt = 0;
    this.start();
  }

  async #keepReading(stopped) {
    while (!stopped.aborted) {
      const attempt = new AbortController();
      const end = () => attempt.abort();
      stopped.addEventListener("abort", end);
      try { await this.#read(attempt); } catch { /* the connection is lost or refused; the socket reports it */ }
      stopped.removeEventListener("abort", end);
      end();
      if (stopped.aborted) return;
      await new Promise(done => setTimeout(done, RETRY_MS[Math.min(this.#attempt++, RETRY_MS.length - 1)]));
    }
  }

  async #read(attempt) {
    let silence = setTimeout(() => attempt.abort(), SILENCE_MS);
    try {
      const answer = await request("/stream.mjpg", { signal: attempt.signal });
      if (!answer.ok) return;
      const reader = answer.body.getReader();
      const parts = new Parts();
      for (;;) {
        const { value, done } = await reader.read();
        if (done) return;
        clearTimeout(silence);
        silence = setTimeout(() => attempt.abort(), SILENCE_MS);
        for (const jpeg of parts.feed(value)) { this.#attempt = 0; this.#offer(jpeg); }
      }
    } finally {
      clearTimeout(silence);
    }
  }

  // One picture is decoded at a time; of those that arrive meanwhile only the newest is kept.
  async #offer(jpeg) {
    this.#waiting = jpeg;
    if (this.#decoding) return;
    this.#decoding = true;
    while (this.#waiting) {
      const next = this.#waiting;
      this.#waiting = null;
      try { this.#draw(await createImageBitmap(new Blob([next], { type: "image/jpeg" }))); } catch { /* an incomplete picture */ }
    }
    this.#decoding = false;
  }

  #draw(bitmap) {
    const { canvas } = this.#context;
    if (canvas.width !== bitmap.width || canvas.height !== bitmap.height) {
      canvas.width = bitmap.width;
      canvas.height = bitmap.height;
    }
    this.#context.drawImage(bitmap, 0, 0);
    bitmap.close();
    if (!this.pictures++) performance.mark("first-picture");
    this.#seen(canvas);
  }
}

// Splits a multipart stream into its bodies by their Content-Length.
class Parts {
  #kept = new Uint8Array(0);

  *feed(bytes) {
    const all = new Uint8Array(this.#kept.length + bytes.length);
    all.set(this.#kept);
    all.set(bytes, this.#kept.length);
    let at = 0;
    for (;;) {
      const head = endOfHead(all, at);
      if (head < 0) break;
      const length = Number(/content-length:\s*(\d+)/i.exec(new TextDecoder().decode(all.subarray(at, head)))?.[1]);
      if (!(length >= 0)) throw new Error("a part without length");
      if (head + length > all.length) break;
      yield all.slice(head, head + length);
      at = head + length;
    }
    this.#kept = all.slice(at);
  }
}

function endOfHead(bytes, from) {
  for (let i = bytes.indexOf(13, from); i >= 0 && i + 3 < bytes.length; i = bytes.indexOf(13, i + 1)) {
    if (bytes[i + 1] === 10 && bytes[i + 2] === 13 && bytes[i + 3] === 10 && i > from) return i + 4;
  }
  return -1;
}
