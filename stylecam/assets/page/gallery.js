// The gallery: the camera picture in each style. A thumbnail is fetched only while its tile is visible.

import { request } from "./access.js";
import { Finder } from "./finder.js";
import { percent, say } from "./words.js";

const REFRESH_MS = 6000;
const RETRY_MS = 1500;
const LOOK_MS = 200;
const HOLD_MS = 450;
const QUICK_MS = 60;
const SETTLE_MS = 500; // older states do not undo a choice that was just made

// Each slot's element, its label, and what to do while it is empty or holds a painting.
const SLOTS = [
  ["mix-a", title => say("The first painting: {title}", { title }), say("Choose the first painting"), say("Choose another first painting")],
  ["mix-b", title => say("The second painting: {title}", { title }), say("Choose the second painting"), say("Choose another second painting")],
];

const at = id => document.getElementById(id);
const make = (tag, of = {}, ...inside) => { const made = Object.assign(document.createElement(tag), of); made.append(...inside); return made; };

export class Gallery {
  #list = at("tiles"); #tiles = new Map(); #sight; #blending = false; #pair = [null, null]; #slot = 1; #ask; #state = null; #covered = false; #room_hidden = false; #shown = ""; #sent = -Infinity; #later = 0; #settling = 0; #for_room = false; #finder = new Finder(() => this.#arrange()); #manage; #mirrored = null;

  // `ask(action, arguments)` sends an action to stylecam; `manage(style)` shows what may be done with an own style.
  constructor(ask, manage) {
    [this.#ask, this.#manage] = [ask, manage];
    this.#sight = new IntersectionObserver(seen => {
      for (const { target, isIntersecting } of seen) {
        const tile = this.#tiles.get(target.dataset.style);
        if (tile?.button === target) tile.seen = isIntersecting;
      }
    }, { rootMargin: "40px" });
    this.#list.addEventListener("focusin", event => { if (event.target.dataset.style) this.#reach(event.target.dataset.style); });
    this.#list.addEventListener("keydown", event => this.#move(event));
    at("blending").onclick = () => this.blend(!this.#blending);
    at("share").oninput = () => this.#slide();
    SLOTS.forEach(([id], slot) => { at(id).onclick = () => { this.#slot = slot; this.#mark_mixer(this.#state?.weights ?? {}); }; });
    this.#tend();
  }

  get styles() { return [...this.#tiles.values()].map(tile => tile.style); }

  style(name) { return this.#tiles.get(name)?.style; }

  // Ask which styles there are.
  async refresh() { this.show((await (await request("/api/styles")).json()).styles); }

  // Tiles of styles that are there already stay as they are.
  show(styles) {
    if (JSON.stringify(styles) === JSON.stringify(this.styles)) return;
    const before = new Map(this.#tiles), said = ({ minutes, licence, ...style }) => JSON.stringify(style);
    this.#tiles.clear();
    for (const style of styles) {
      const tile = before.get(style.name);
      if (tile && said(tile.style) === said(style)) this.#tiles.set(style.name, Object.assign(tile, { style }));
      else this.#hang(style);
    }
    for (const [name, tile] of before) {
      if (this.#tiles.get(name) === tile) continue;
      this.#sight.unobserve(tile.button);
      if (tile.url) URL.revokeObjectURL(tile.url);
    }
    this.#arrange();
    if (this.#state) this.mark(this.#state);
  }

  // Hang up a picture that is being learned, in its place at the end; returns what takes it down.
  expect(title, file) {
    const url = URL.createObjectURL(file), picture = make("img", { alt: "", src: url, className: "painted" });
    picture.onerror = () => picture.remove(); // one that the browser cannot show
    const item = make("li", { className: "expected" }, make("span", { className: "tile" }, make("span", { className: "canvas" }, picture), make("span", { className: "name" }, title), make("span", { className: "by" }, say("is being learned …"))));
    this.#list.append(item);
    this.#reveal(item);
    return () => { item.remove(); URL.revokeObjectURL(url); };
  }

  // Let `image` show what the tile of `name` shows, for as long as that may be shown.
  mirror(image, name) {
    this.#mirrored?.image.removeAttribute("src");
    this.#mirrored = image && { image, name };
    if (image && this.#tiles.get(name)?.url) image.src = this.#tiles.get(name).url;
  }

  // Ask for no picture of a style that is about to go, or, with a time, from then on.
  leave(name, due = Infinity) { if (this.#tiles.has(name)) this.#tiles.get(name).due = due; }

  // What is worn, as weights by name, if the painting is part of it.
  worn_with(name) { return name in (this.#state?.weights ?? {}) ? this.#state.weights : null; }

  // Wear a painting, or a blend, that was worn before.
  wear_again(weights) {
    const [name, second] = Object.keys(weights);
    return second ? this.#ask("blend", { weights }) : this.#ask("select", { style: name });
  }

  // Choose the painting as a click on its tile does.
  wear(name) { return this.#choose(name, false); }

  // Put the tiles in order and show those that are looked for.
  #arrange() {
    const tiles = this.#finder.order(this.styles).map(style => this.#tiles.get(style.name)), focused = document.activeElement;
    const items = tiles.map(tile => tile.item);
    const expected = [...this.#list.querySelectorAll(".expected")];
    if (items.some((item, i) => item !== this.#list.children[i]) || this.#list.children.length !== items.length + expected.length) this.#list.replaceChildren(...items, ...expected);
    if (this.#list.contains(focused)) focused.focus({ preventScroll: true }); // it lost the focus when it was moved
    for (const tile of tiles) {
      tile.item.hidden = !this.#finder.finds(tile.style);
      tile.star.setAttribute("aria-pressed", this.#finder.is_favorite(tile.style.name));
    }
    const found = tiles.filter(tile => !tile.item.hidden), number = tiles.length;
    if (found.length && !found.some(tile => tile.button.tabIndex === 0)) this.#reach(found[0].style.name);
    at("gallery-title").textContent = !number ? say("There are no styles")
      : this.#finder.filtered ? say("{found} of {number} styles", { found: found.length, number })
      : this.#for_room ? say("The room in {number} styles", { number })
      : say("You in {number} styles", { number });
    at("nothing-found").hidden = Boolean(found.length) || !number;
  }

  // Let the tiles choose the painting of the room, or that of the person.
  choose_for_room(on) {
    if (on && this.#blending) this.blend(false);
    this.#for_room = on;
    at("blending").hidden = on;
    this.#arrange();
    if (this.#state) this.mark(this.#state);
  }

  // Switch "blend two" on or off; switching it off keeps the stronger of the two styles.
  blend(on) {
    const [a, b] = this.#pair;
    if (!on && a && b) this.#ask("select", { style: this.#share() >= 0.5 ? b : a });
    this.#blending = on;
    this.#take(on ? this.#worn().slice(0, 2) : []);
    if (this.#state) this.mark(this.#state);
  }

  get blending() { return this.#blending; }

  mark(state) {
    this.#state = state;
    this.#finder.follow(state.favorites ?? []);
    this.#cover(state.panic || state.resting || state.frozen, state.hides_room);
    const weights = state.weights ?? {}, names = Object.keys(weights);
    const room = state.paint === "room" ? weights : state.room_weights ?? {}, you = state.paint === "room" ? {} : weights;
    const [marked, other] = this.#for_room ? [room, you] : [you, room];
    if (!this.#for_room && names.length === 2 && names.join() !== this.#shown) this.#blending = true; // another client has chosen a blend
    if (!names.length || names.length > 2 || !names.every(name => this.#pair.includes(name))) this.#follow(names);
    this.#shown = names.join();
    at("blending").setAttribute("aria-pressed", this.#blending);
    this.#list.classList.toggle("blending", this.#blending);
    let current = null;
    for (const [name, tile] of this.#tiles) {
      const on = name in marked && !state.bypass, was = tile.button.getAttribute("aria-pressed") === "true";
      tile.button.setAttribute("aria-pressed", on);
      const share = Object.keys(marked).length > 1 && on ? percent(marked[name]) : "";
      if (tile.share.textContent !== share) tile.share.textContent = share;
      const worn = name in other && !state.bypass ? this.#for_room ? say("you") : say("room") : "";
      if (tile.worn.textContent !== worn) tile.worn.textContent = worn;
      tile.item.style.setProperty("--done", state.improving?.name === name && !state.improving.ended ? state.improving.share : 0);
      if (on && (!current || marked[name] > marked[current])) current = name;
      if (on && !was) this.#reveal(tile.button);
    }
    if (current && !this.#list.contains(document.activeElement)) this.#reach(current);
    this.#mark_mixer(weights);
  }

  // Put the styles that are worn now into the slots, unless the answer to a choice is still on its way.
  #follow(names) {
    const rest = this.#sent + SETTLE_MS - performance.now();
    clearTimeout(this.#settling);
    if (rest > 0) this.#settling = setTimeout(() => this.mark(this.#state), rest);
    else this.#take(this.#blending && names.length <= 2 ? names : []);
  }

  #take(names) {
    this.#pair = [names[0] ?? null, names[1] ?? null];
    this.#slot = names.length ? 1 : 0;
  }

  #worn() { return Object.keys(this.#state?.weights ?? {}); }

  #mark_mixer(weights) {
    const [a, b] = this.#pair, two = Boolean(a && b);
    at("mixer").hidden = !this.#blending;
    at("share").disabled = !two;
    const titles = this.#pair.map(name => (name ? this.style(name)?.title || name : say("choose …")));
    SLOTS.forEach(([id, label], slot) => {
      const button = at(id);
      if (button.textContent !== titles[slot]) button.textContent = titles[slot];
      button.setAttribute("aria-label", label(titles[slot]));
      button.setAttribute("aria-pressed", slot === this.#slot);
      button.classList.toggle("empty", !this.#pair[slot]);
    });
    const hint = SLOTS[this.#slot][this.#pair[this.#slot] ? 3 : 2];
    if (at("mix-hint").textContent !== hint) at("mix-hint").textContent = hint;
    if (two && !at("share").matches(":active") && !this.#later && performance.now() - this.#sent > SETTLE_MS) {
      at("share").value = Math.round(100 * (weights[b] ?? 0));
    }
    at("share").style.setProperty("--v", at("share").value + "%");
    at("share").setAttribute("aria-valuetext", two ? `${percent(1 - this.#share())} ${titles[0]}, ${percent(this.#share())} ${titles[1]}` : "");
  }

  #share() { return at("share").value / 100; }

  #slide() {
    this.#sent = performance.now();
    at("share").style.setProperty("--v", at("share").value + "%");
    clearTimeout(this.#later);
    this.#later = setTimeout(() => { this.#later = 0; this.#send_blend(); }, QUICK_MS);
  }

  #send_blend() {
    const [a, b] = this.#pair, share = a && b ? this.#share() : Number(!a);
    if (share === 0 || share === 1) return this.#ask("select", { style: share ? b : a });
    return this.#ask("blend", { weights: { [a]: +(1 - share).toFixed(2), [b]: +share.toFixed(2) } });
  }

  async #choose(name, together) {
    if (this.#for_room) return this.#ask("room", { value: `style:${name}` });
    if (!together && !this.#blending) return this.#ask("select", { style: name });
    if (!this.#blending) this.blend(true);
    const before = this.#pair, slot = this.#slot, old = before[slot], other = before[1 - slot];
    if (name === old ? !other : name === other && !old) return; // it is alone already
    if (name === old) this.#take([other]); // chosen again: it leaves the blend
    else {
      this.#pair = slot ? [other, name] : [name, other];
      if (name === other) this.#pair = [before[1], before[0]];
      if (!old || [0, 1].includes(this.#share())) at("share").value = 50;
      if (!other) this.#slot = 1 - slot;
    }
    this.#sent = performance.now();
    this.#mark_mixer(this.#state?.weights ?? {});
    if (await this.#send_blend() || this.#pair === before) return;
    [this.#pair, this.#slot, this.#sent] = [before, slot, -Infinity]; // refused, for instance styles of two networks
    this.mark(this.#state);
  }

  #hang(style) {
    const picture = make("img", { alt: "", draggable: false });
    const share = make("span", { className: "share" }), worn = make("span", { className: "worn" });
    const number = style.number && style.number < 10 ? [make("span", { className: "number", ariaHidden: "true" }, String(style.number))] : [];
    const button = make("button", { type: "button", className: "tile", tabIndex: this.#tiles.size ? -1 : 0 },
      make("span", { className: "canvas" }, picture, ...number, worn, share),
      make("span", { className: "name" }, style.title || style.name),
      make("span", { className: "by" }, artist_name(style.artist)));
    button.dataset.style = style.name;
    button.setAttribute("aria-pressed", "false");
    let held = 0, was_held = false;
    const let_go = () => clearTimeout(held);
    button.onpointerdown = () => {
      was_held = false;
      held = setTimeout(() => { was_held = true; this.#choose(style.name, true); }, HOLD_MS);
    };
    button.onpointerup = button.onpointerleave = button.onpointercancel = let_go;
    button.oncontextmenu = event => { if (was_held) event.preventDefault(); };
    button.onclick = event => { let_go(); if (!was_held) this.#choose(style.name, event.shiftKey); was_held = false; };
    const star = make("button", { type: "button", className: "star", tabIndex: button.tabIndex, onclick: () => this.#favor(style.name) });
    star.innerHTML = '<svg aria-hidden="true"><use href="#i-star"/></svg>';
    star.setAttribute("aria-label", say("Favourite: {title}", { title: style.title || style.name }));
    const item = make("li", {}, button, star, ...(style.own ? [this.#more(style, button.tabIndex)] : []));
    this.#tiles.set(style.name, { style, item, button, star, picture, share, worn, seen: false, due: 0, url: "" });
    this.#sight.observe(button);
    return item;
  }

  #more({ name, title }, tabIndex) {
    const more = make("button", { type: "button", className: "more", tabIndex, onclick: () => this.#manage(this.style(name)) });
    more.innerHTML = '<svg aria-hidden="true"><use href="#i-more"/></svg>';
    more.setAttribute("aria-label", say("Improve, rename, share or delete: {title}", { title: title || name }));
    more.setAttribute("aria-haspopup", "dialog");
    return more;
  }

  #favor(name) { return this.#ask("favorite", { style: name, on: !this.#finder.is_favorite(name) }); }

  // Fetch one thumbnail after the other; the one that has waited longest comes first.
  async #tend() {
    for (;;) {
      const now = performance.now();
      const [next] = document.hidden || this.#covered ? [] : [...this.#tiles.values()].filter(tile => (tile.seen || tile.style.name === this.#mirrored?.name) && tile.due <= now).sort((a, b) => a.due - b.due);
      if (next) await this.#paint(next);
      else await new Promise(done => setTimeout(done, LOOK_MS));
    }
  }

  // While the picture is covered the tiles are empty: stylecam sends none, and the old ones show the camera. While the
  // room is hidden they show another picture.
  #cover(on, room) {
    if (on === this.#covered && room === this.#room_hidden) return;
    [this.#covered, this.#room_hidden] = [on, room];
    this.#mirrored?.image.removeAttribute("src");
    for (const tile of this.#tiles.values()) {
      tile.due = 0;
      tile.picture.removeAttribute("src");
      tile.picture.classList.remove("painted");
      if (tile.url) URL.revokeObjectURL(tile.url);
      Object.assign(tile, { url: "", tag: null });
    }
  }

  async #paint(tile) {
    const room_hidden = this.#room_hidden;
    tile.due = performance.now() + RETRY_MS;
    try {
      const headers = tile.tag ? { "If-None-Match": tile.tag } : {};
      const answer = await request(tile.style.thumbnail, { headers });
      if (answer.status === 204) { await new Promise(done => setTimeout(done, RETRY_MS)); return; } // no picture yet
      tile.due = performance.now() + REFRESH_MS;
      if (!answer.ok) return; // 304: unchanged
      const picture = await answer.blob();
      if (this.#covered || room_hidden !== this.#room_hidden) return;
      const url = URL.createObjectURL(picture);
      tile.picture.src = url;
      await tile.picture.decode();
      tile.picture.classList.add("painted");
      if (tile.style.name === this.#mirrored?.name) this.#mirrored.image.src = url;
      if (tile.url) URL.revokeObjectURL(tile.url);
      Object.assign(tile, { url, tag: answer.headers.get("ETag") });
    } catch { /* the connection is lost, or this style failed; it is retried later */ }
  }

  #reach(name) {
    for (const [other, tile] of this.#tiles) for (const button of tile.item.children) button.tabIndex = other === name ? 0 : -1;
  }

  #reveal(button) {
    const list = this.#list.getBoundingClientRect(), tile = button.getBoundingClientRect();
    const behavior = matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth";
    const top = tile.top < list.top ? tile.top - list.top - 8 : Math.max(0, tile.bottom - list.bottom + 8);
    const left = tile.left < list.left ? tile.left - list.left - 8 : Math.max(0, tile.right - list.right + 8);
    if (top || left) this.#list.scrollBy({ top, left, behavior });
  }

  #move(event) {
    const buttons = [...this.#list.querySelectorAll("li:not([hidden]) button.tile")], here = buttons.indexOf(document.activeElement);
    if (here < 0 || event.ctrlKey || event.metaKey || event.altKey) return;
    const row = buttons.filter(button => button.offsetTop === buttons[0].offsetTop).length;
    const flows = getComputedStyle(this.#list).gridAutoFlow.includes("column");
    const tall = flows ? buttons.filter(button => button.offsetLeft === buttons[0].offsetLeft).length : 1;
    const [aside, along] = flows ? [tall, 1] : [1, row];
    const to = { ArrowLeft: here - aside, ArrowRight: here + aside, ArrowUp: here - along, ArrowDown: here + along, Home: 0, End: buttons.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    const target = buttons[Math.max(0, Math.min(buttons.length - 1, to))];
    this.#reach(target.dataset.style);
    target.focus({ preventScroll: true });
    this.#reveal(target);
  }
}

// The artist's name, or nothing if it is unknown.
export const artist_name = artist => (artist && artist !== "unknown" ? artist : "");
