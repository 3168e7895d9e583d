// Before and after: over the left part of the picture lies the unpainted one, on this page alone. stylecam sends it only
// to pages of its own computer, and only while others are shown a painting.

import { request } from "./access.js";
import { say } from "./words.js";

const EVERY_MS = 250;
const HERE = ["localhost", "127.0.0.1", "[::1]"];

const at = id => document.getElementById(id);

export class Compare {
  #picture = at("before-picture"); #on = false; #allowed = false; #alarm;

  // `alarm(text)` tells why there is no comparison.
  constructor(alarm) {
    this.#alarm = alarm;
    at("compare").hidden = !HERE.includes(location.hostname);
    at("compare").onclick = () => this.#switch(!this.#on);
    at("cut").oninput = () => this.#cut();
    addEventListener("pagehide", () => this.stop());
  }

  // What ends the painting (a panic, a freeze, the plain camera) ends the comparison, which has to be asked for again.
  follow(publishing) {
    this.#allowed = publishing === "painted";
    at("compare").disabled = !this.#allowed;
    if (!this.#allowed) this.stop();
  }

  stop() { if (this.#on) this.#switch(false); }

  #switch(on) {
    this.#on = on && this.#allowed;
    at("compare").setAttribute("aria-pressed", this.#on);
    at("before").hidden = at("cut").hidden = true; // until there is a picture
    this.#picture.width = 0; // nothing of the camera is kept
    if (this.#on) this.#look();
  }

  async #look() {
    while (this.#on) {
      if (!document.hidden) await this.#fetch();
      await new Promise(done => setTimeout(done, EVERY_MS));
    }
  }

  async #fetch() {
    try {
      const answer = await request("/api/camera.jpg", { method: "POST" });
      if (answer.status === 429) return; // another page compares as well
      if (answer.status === 403) this.#alarm(say("The unpainted picture is shown only on the computer with the camera"));
      if (answer.status !== 200) { this.stop(); return; } // 204: nothing is painted any more
      const bitmap = await createImageBitmap(await answer.blob());
      if (this.#on) this.#draw(bitmap);
      bitmap.close();
    } catch { this.stop(); } // the connection is lost
  }

  #draw(bitmap) {
    if (this.#picture.width !== bitmap.width) [this.#picture.width, this.#picture.height] = [bitmap.width, bitmap.height];
    this.#picture.getContext("2d", { alpha: false }).drawImage(bitmap, 0, 0);
    if (!at("before").hidden) return;
    at("before").hidden = at("cut").hidden = false;
    this.#cut();
    at("cut").focus();
  }

  #cut() { at("frame").style.setProperty("--cut", at("cut").value / 100); }
}
