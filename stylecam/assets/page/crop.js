// The part of a picture that is learned: a frame that is moved and resized by touch, mouse or arrow keys.

import { percent, say } from "./words.js";

const LEAST = 0.1; // of each side
const STEP = 0.02;

const at = id => document.getElementById(id);
const between = (low, value, high) => Math.min(high, Math.max(low, value));

export class Crop {
  #part = [0, 0, 1, 1]; #held = null;
  item = null; // what is shown

  // `changed()` is called when the part has been moved or resized.
  constructor(changed) {
    const box = at("crop-box");
    box.onpointerdown = event => {
      event.preventDefault();
      box.focus();
      box.setPointerCapture(event.pointerId);
      this.#held = { x: event.clientX, y: event.clientY, part: this.#part, corner: event.target.dataset.corner ?? "" };
    };
    box.onpointermove = event => { if (this.#held) this.#drag(event); };
    box.onpointerup = box.onpointercancel = () => { this.#held = null; changed(); };
    box.onkeydown = event => this.#key(event);
    box.onkeyup = changed;
  }

  // Show the picture at `url`; where the browser cannot, it is learned whole.
  async show(item, url) {
    this.item = item;
    this.#set([0, 0, 1, 1]);
    const picture = at("crop-picture");
    picture.src = url;
    const readable = await picture.decode().then(() => true, () => false);
    if (this.item !== item) return;
    at("crop").hidden = !readable;
    at("crop-unseen").hidden = readable;
  }

  forget() {
    this.item = null;
    at("crop-picture").removeAttribute("src");
  }

  // Left, top, width and height as shares; nothing for the whole picture.
  get shares() {
    return this.#part.join() === "0,0,1,1" ? "" : this.#part.map(share => +share.toFixed(4)).join();
  }

  #drag({ clientX, clientY }) {
    const { width, height } = at("crop").getBoundingClientRect(), { x, y, part, corner } = this.#held;
    this.#move(part, corner, (clientX - x) / width, (clientY - y) / height);
  }

  // Move the whole part, or one of its corners, by shares of the picture.
  #move([left, top, width, height], corner, dx, dy) {
    let [right, bottom] = [left + width, top + height];
    if (!corner) {
      left = between(0, left + dx, 1 - width);
      top = between(0, top + dy, 1 - height);
      this.#set([left, top, width, height]);
      return;
    }
    if (corner.includes("w")) left = between(0, left + dx, right - LEAST);
    else right = between(left + LEAST, right + dx, 1);
    if (corner.includes("n")) top = between(0, top + dy, bottom - LEAST);
    else bottom = between(top + LEAST, bottom + dy, 1);
    this.#set([left, top, right - left, bottom - top]);
  }

  #key(event) {
    const [dx, dy] = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] }[event.key] ?? [0, 0];
    if (!dx && !dy) return;
    event.preventDefault();
    this.#move(this.#part, event.shiftKey ? "se" : "", dx, dy);
  }

  #set(part) {
    this.#part = part;
    ["--x", "--y", "--w", "--h"].forEach((name, i) => at("crop-box").style.setProperty(name, `${100 * part[i]}%`));
    at("crop-said").textContent = say("{width} × {height} of the picture", { width: percent(part[2]), height: percent(part[3]) });
  }
}
