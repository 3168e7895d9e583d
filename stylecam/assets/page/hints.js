// Three hints for the first visit. The browser keeps that they were seen, so they come once.

import { keep, kept } from "./storage.js";
import { say } from "./words.js";

const KEY = "stylecam-hints";
const HINTS = [
  ["gallery", say("Choose a painting to wear it. Hold one to blend it with the one shown.")],
  ["standing", say("Here you see what other programs can see, and choose the camera.")],
  ["hide", say("Panic shows everybody a still picture at once. Press it again to come back.")],
];

const at = id => document.getElementById(id);

export class Hints {
  #now = -1;

  constructor() {
    at("next-hint").onclick = () => this.#show(this.#now + 1);
    at("skip-hints").onclick = () => this.#show(HINTS.length);
  }

  // Begin, unless they were seen before or are there already.
  begin() {
    if (this.#now < 0 && kept(KEY) !== "seen") this.#show(0);
  }

  #show(number) {
    at(HINTS[this.#now]?.[0])?.classList.remove("hinted");
    this.#now = number;
    const [about, words] = HINTS[number] ?? [];
    at("hint").hidden = !about;
    if (!about) { keep(KEY, "seen"); return; }
    at(about).classList.add("hinted");
    at("hint-words").textContent = words;
    at("hint-count").textContent = say("{number} of {count}", { number: number + 1, count: HINTS.length });
    at("next-hint").textContent = number + 1 < HINTS.length ? say("Next hint") : say("Done");
    at("skip-hints").hidden = number + 1 === HINTS.length;
  }
}
