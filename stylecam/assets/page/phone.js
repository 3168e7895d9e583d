// The QR code that opens this page on a phone: it works once, and is replaced before it is too old.

import { request } from "./access.js";

const RENEW_MS = 100_000; // a code is good for two minutes

const at = id => document.getElementById(id);

export class Phone {
  #timer = 0; #url = "";

  constructor() {
    at("open-phone").onclick = () => { at("phone").showModal(); this.#renew(); };
    at("phone").onclose = () => this.#forget();
  }

  async #renew() {
    const answer = await request("/api/phone", { method: "POST" }).then(found => found.json()).catch(() => null);
    if (!at("phone").open || !answer) return;
    this.#forget();
    at("phone-closed").hidden = Boolean(answer.link);
    at("phone-open").hidden = !answer.link;
    if (!answer.link) return;
    this.#url = URL.createObjectURL(new Blob([answer.svg], { type: "image/svg+xml" }));
    at("qr").src = this.#url;
    at("phone-link").textContent = answer.link;
    this.#timer = setTimeout(() => this.#renew(), RENEW_MS);
  }

  #forget() {
    clearTimeout(this.#timer);
    at("qr").removeAttribute("src");
    if (this.#url) URL.revokeObjectURL(this.#url);
    this.#url = at("phone-link").textContent = "";
  }
}
