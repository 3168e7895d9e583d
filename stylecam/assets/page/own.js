// Own styles: a picture that is dropped, pasted or chosen becomes a style; it is cropped, named, improved, shared, deleted.

import { request } from "./access.js";
import { Crop } from "./crop.js";
import { decimal, say } from "./words.js";

const PATH = "/api/own-styles";
const UNDO_MS = 12_000;
const BUSY_MS = 2000;
const PAUSE_MS = 1000;
const LICENCES = {
  "private use": say("For private use only"), "own work": say("My own work"), "public domain": say("Public domain"),
  "CC0 1.0": "CC0 1.0", "CC BY 4.0": "CC BY 4.0", "CC BY-SA 4.0": "CC BY-SA 4.0",
};

const UNKNOWN = ["unknown", "not stated"];

const at = id => document.getElementById(id);
const set_text = (id, text) => { if (at(id).textContent !== text) at(id).textContent = text; };
const one = name => `${PATH}/${encodeURIComponent(name)}`;

// The title of a file: its name without the ending, in words. Pictures that are pasted or taken on a phone are all called "image".
const title_of = file => file.name.replace(/\.[^.]*$/, "").replace(/[_\s]+/g, " ").replace(/^image$/i, "").trim().slice(0, 80) || say("Own painting");

// What the licence of a style is called; nothing if it is unknown.
export const licence_name = licence => LICENCES[licence] ?? (UNKNOWN.includes(licence) ? "" : licence ?? "");

// Send a request; the answer is its JSON, and a refusal the server's words.
async function send(path, options) {
  const answer = await request(path, options);
  const body = await answer.json().catch(() => ({}));
  if (!answer.ok) throw Object.assign(new Error(body.error ?? say("the connection was lost")), { status: answer.status });
  return body;
}

// Licences to choose from, and the present one.
function offer_licences(select, present) {
  const names = present in LICENCES || !present ? LICENCES : { [present]: licence_name(present) || say("Not stated"), ...LICENCES };
  select.replaceChildren(...Object.entries(names).map(([value, words]) => new Option(words, value)));
  select.value = present || "private use";
}

export class Own {
  #gallery; #toast; #alarm; #items = []; #crop = new Crop(() => this.#prepare()); #pause = 0; #studying = false; #style = null; #improving = null; #undo = 0; #url = "";

  // `toast(text)` and `alarm(text)` show a message.
  constructor(gallery, toast, alarm) {
    [this.#gallery, this.#toast, this.#alarm] = [gallery, toast, alarm];
    at("add-own").onclick = () => this.#show();
    at("own-pick").onclick = () => at("own-file").click();
    at("own-import").onclick = () => at("style-file").click();
    for (const input of [at("own-file"), at("style-file")]) input.onchange = () => { this.take(input.files); input.value = ""; };
    at("own-form").onsubmit = event => { event.preventDefault(); this.#learn(event.submitter === at("own-all")); };
    at("own").onclose = () => this.#forget();
    at("style-form").onsubmit = event => { event.preventDefault(); this.#save(); };
    at("improve").onsubmit = event => { event.preventDefault(); this.#improve(); };
    at("improve-stop").onclick = () => this.#carry_out(() => send(`${one(this.#style.name)}/improvement`, { method: "DELETE" }));
    at("style-download").onclick = () => this.#share(false);
    at("style-share").onclick = () => this.#share(true);
    at("style-delete").onclick = () => this.#remove();
    at("own-style").onclose = () => this.#close();
    this.#listen();
  }

  // Take pictures and `.style` files.
  take(files) {
    const styles = [...files].filter(file => /\.style$/i.test(file.name)), pictures = [...files].filter(file => !styles.includes(file));
    if (styles.length) this.#send_all(styles.map(file => ({ file, query: {} })));
    if (!pictures.length) return;
    this.#items.push(...pictures.map(file => ({ file, title: title_of(file), refusal: "" })));
    at("own").open ? this.#show_item() : this.#show();
  }

  // The state names what is being improved.
  follow(state) {
    this.#improving = state.improving ?? null;
    if (at("own-style").open) this.#show_progress();
  }

  // Show the style's own page: its picture, its progress, its name.
  manage(style) {
    this.#style = style;
    set_text("own-style-title", style.title);
    at("style-name").value = style.title;
    at("style-artist").value = style.artist === "unknown" ? "" : style.artist;
    offer_licences(at("style-licence"), style.licence);
    set_text("style-refusal", "");
    at("style-share").hidden = !navigator.canShare?.({ files: [new File([""], "a.style", { type: "application/octet-stream" })] });
    this.#show_progress();
    at("own-style").showModal();
    this.#gallery.mirror(at("style-sample"), style.name);
    this.#show_picture();
  }

  #listen() {
    const holds_files = event => [...event.dataTransfer?.types ?? []].includes("Files");
    let inside = 0; // each element that the pointer enters says so
    const drop_here = on => document.body.classList.toggle("dropping", on);
    addEventListener("dragenter", event => { if (holds_files(event)) { inside++; drop_here(true); } });
    addEventListener("dragleave", event => { if (holds_files(event) && --inside <= 0) { inside = 0; drop_here(false); } });
    addEventListener("dragover", event => event.preventDefault());
    addEventListener("drop", event => {
      event.preventDefault(); // the browser would open it in place of this page
      inside = 0;
      drop_here(false);
      if (event.dataTransfer.files.length) this.take(event.dataTransfer.files);
      else if (event.dataTransfer.types.includes("text/uri-list")) this.#alarm(say("Save that picture as a file first, then drop the file"));
    });
    addEventListener("paste", event => { if (event.clipboardData.files.length) this.take(event.clipboardData.files); });
  }

  /* a new style */

  #show() {
    if (!at("own").open) at("own").showModal();
    this.#show_item();
  }

  // Have the picture that is shown studied while it is still named, once it is no longer cropped.
  #prepare() {
    clearTimeout(this.#pause);
    this.#pause = setTimeout(() => this.#study(), PAUSE_MS);
  }

  // Without a picture, what learns is loaded.
  async #study() {
    const item = this.#items[0], crop = this.#crop.shares;
    if (this.#studying || !at("own").open) return;
    this.#studying = true;
    await send(`${PATH}/preparation${crop && `?crop=${crop}`}`, { method: "POST", body: item?.file }).catch(() => {}); // learning says itself what is wrong
    this.#studying = false;
    if (this.#items[0] !== item || this.#crop.shares !== crop) this.#prepare();
  }

  async #show_item() {
    const [item] = this.#items;
    at("own-choose").hidden = Boolean(item);
    at("own-form").hidden = !item;
    set_text("own-count", this.#items.length > 1 ? say("{count} pictures wait for a name", { count: this.#items.length }) : "");
    at("own-all").hidden = this.#items.length < 2;
    if (!item) this.#prepare();
    if (!item || item === this.#crop.item) return;
    at("own-name").value = item.title;
    if (!at("own-licence").options.length) offer_licences(at("own-licence"));
    set_text("own-refusal", item.refusal);
    if (this.#url) URL.revokeObjectURL(this.#url);
    this.#url = URL.createObjectURL(item.file);
    const shown = this.#crop.show(item, this.#url);
    this.#prepare();
    await shown;
    if (at("own-name").value === item.title) at("own-name").select();  // not over what is typed already
  }

  // Learn the picture that is shown, or all that wait, with the artist and the licence of this one.
  #learn(all) {
    const common = { artist: at("own-artist").value.trim(), licence: at("own-licence").value };
    const [first, ...rest] = this.#items, items = all ? this.#items : [first];
    first.title = at("own-name").value.trim() || first.title;
    first.crop = this.#crop.shares;
    this.#items = all ? [] : rest;
    this.#send_all(items.map(item => ({ ...item, query: { title: item.title, ...common, ...(item.crop && { crop: item.crop }) } })));
    if (this.#items.length) this.#show_item();
    else at("own").close();
  }

  // One after the other, as stylecam learns them. What is refused comes back with the reason, so that nothing is lost.
  async #send_all(sent, wear = name => this.#gallery.wear(name)) {
    const refused = [];
    let added = 0, last = "";
    for (const item of sent) {
      const remove = this.#gallery.expect(item.query.title ?? title_of(item.file), item.file);
      try {
        const { style, notes = [] } = await this.#post(item);
        await this.#gallery.refresh();
        [added, last] = [added + 1, style.name];
        const said = notes.map(note => `${style.title} ${note}`);
        const words = sent.length > 1 ? [say("{number} of {count} added", { number: added, count: sent.length }), ...said] : said;
        if (words.length) this.#toast(words.join(". "));
      } catch (error) { refused.push({ ...item, refusal: error.message }); } finally { remove(); }
    }
    if (last) wear(last);
    this.#prepare(); // the one that is shown now, for which there was no time
    const pictures = refused.filter(item => item.title !== undefined);
    if (pictures.length) {
      this.#items.push(...pictures);
      this.#show();
    } else if (refused.length) this.#alarm(refused[0].refusal);
  }

  async #post({ file, query }) {
    for (;;) {
      try { return await send(`${PATH}?${new URLSearchParams(query)}`, { method: "POST", body: file }); } catch (error) {
        if (error.status !== 503) throw error;
        await new Promise(done => setTimeout(done, BUSY_MS)); // others wait already
      }
    }
  }

  #forget() {
    this.#items = [];
    this.#crop.forget();
    if (this.#url) URL.revokeObjectURL(this.#url);
    this.#url = "";
  }

  /* a style that is there */

  #show_progress() {
    const style = this.#gallery.style(this.#style.name) ?? this.#style;
    const { waiting = [], ...present } = this.#improving ?? {}, ours = present.name === style.name ? present : {};
    const waits = waiting.includes(style.name), runs = waits || ours.ended === false, { share = 0, seconds_left: left, message = "" } = waits ? {} : ours;
    const age = style.minutes ? say("Improved for {minutes} min", { minutes: decimal(style.minutes, style.minutes % 1 ? 1 : 0) }) : style.redrafted ? say("First draft for the network of this version") : say("First draft");
    set_text("style-state", [age, ours.ended && !ours.failed && message, licence_name(style.licence)].filter(Boolean).join(" · "));
    at("improve-start").hidden = runs;
    at("improve-minutes").disabled = runs;
    at("improve-progress").hidden = !runs;
    at("improve-share").value = share;
    set_text("improve-left", waits ? say("waits for another one") : left == null ? message : left < 60 ? say("less than a minute left") : say("about {minutes} min left", { minutes: decimal(Math.round(left / 60)) }));
    if (ours.failed) set_text("style-refusal", message);
  }

  #improve() {
    const body = JSON.stringify({ minutes: Number(at("improve-minutes").value) });
    this.#carry_out(() => send(`${one(this.#style.name)}/improvement`, { method: "POST", body, headers: { "Content-Type": "application/json" } }));
  }

  async #save() {
    const body = JSON.stringify({ title: at("style-name").value.trim(), artist: at("style-artist").value.trim() || "unknown", licence: at("style-licence").value });
    const saved = await this.#carry_out(() => send(one(this.#style.name), { method: "PATCH", body, headers: { "Content-Type": "application/json" } }));
    if (!saved) return;
    at("own-style").close();
    await this.#gallery.refresh();
  }

  async #share(to_others) {
    const { name, title } = this.#style;
    await this.#carry_out(async () => {
      const file = new File([await this.#file(name)], `${name}.style`, { type: "application/octet-stream" });
      if (to_others) return navigator.share({ files: [file], title }).catch(() => {}); // the user may turn back
      const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(file), download: file.name });
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href));
      return true;
    });
  }

  // The whole style as one small file, which others can open on their page.
  async #file(name) {
    const answer = await request(`${one(name)}/file`);
    if (!answer.ok) throw new Error((await answer.json()).error);
    return answer.blob();
  }

  async #remove() {
    const { name, title } = this.#style, worn = this.#gallery.worn_with(name);
    let file = null;
    this.#gallery.leave(name);
    const removed = await this.#carry_out(async () => {
      file = await this.#file(name);
      return send(one(name), { method: "DELETE" });
    });
    if (!removed) return this.#gallery.leave(name, 0);
    at("own-style").close();
    await this.#gallery.refresh();
    set_text("removed-words", say("{title} is deleted", { title }));
    at("removed").hidden = false;
    clearTimeout(this.#undo);
    this.#undo = setTimeout(() => { at("removed").hidden = true; }, UNDO_MS);
    at("undo").onclick = () => {
      at("removed").hidden = true;
      this.#send_all([{ file: new File([file], `${title}.style`), query: {} }], now => {
        if (worn) this.#gallery.wear_again(Object.fromEntries(Object.entries(worn).map(([each, share]) => [each === name ? now : each, share])));
      });
    };
  }

  async #carry_out(work) {
    set_text("style-refusal", "");
    try { return await work() ?? true; } catch (error) { set_text("style-refusal", error.message); return null; }
  }

  async #show_picture() {
    try {
      const answer = await request(`${one(this.#style.name)}/picture.jpg`);
      if (!answer.ok || !at("own-style").open) return;
      const url = URL.createObjectURL(await answer.blob());
      at("style-picture").src = url;
      await at("style-picture").decode().catch(() => {});
      URL.revokeObjectURL(url);
    } catch { /* the connection is lost */ }
  }

  #close() {
    this.#gallery.mirror(null);
    at("style-picture").removeAttribute("src");
  }
}
