// The page: shows the state of stylecam and sends it the user's actions.

import { accepted, locked, request } from "./access.js";
import { Compare } from "./compare.js";
import { Gallery, artist_name } from "./gallery.js";
import { Hints } from "./hints.js";
import { Light } from "./light.js";
import { Meter, sized } from "./meter.js";
import { Own, licence_name } from "./own.js";
import { Phone } from "./phone.js";
import { Presets } from "./presets.js";
import { Room } from "./room.js";
import { Standing } from "./standing.js";
import { keep, kept } from "./storage.js";
import { Stream } from "./stream.js";
import { Wire } from "./wire.js";
import { percent, say } from "./words.js";

const TOAST_MS = 5000;
const SLIDE_MS = 60; // between two actions of one slider
const SETTLE_MS = 600; // a slider that was just released ignores older states
const GRACE_MS = 700; // a shorter gap in the connection is not shown
const HIDDEN_MS = 5000; // a page hidden for so long stops its stream, so that the camera can be switched off

const SOURCES = {
  camera: [say("Neural paint on webcam"), say("Neural brush, your own colours, on webcam"), say("Webcam")],
  demo: [say("Neural paint on the demo picture"), say("Neural brush, your own colours, on the demo picture"), say("Demo picture, no camera")],
  picture: [say("Neural paint on a picture file"), say("Neural brush, your own colours, on a picture file"), say("Picture file")],
  video: [say("Neural paint on video"), say("Neural brush, your own colours, on video"), say("Video")],
};
const PUBLISHING = { painted: say("Painted"), person: say("You as you are, the room hidden"), raw: say("Camera as it is"), covered: say("Covered") };

const at = id => document.getElementById(id);
const all = (selector, within = document) => [...within.querySelectorAll(selector)];

const wire = new Wire();
const light = new Light(at("glow"));
const meter = new Meter();
const stream = new Stream(at("picture"), see);
const gallery = new Gallery(ask, style => own.manage(style));
const own = new Own(gallery, toast, alarm);
const room = new Room(ask, on => gallery.choose_for_room(on));
const standing = new Standing(ask);
const compare = new Compare(alarm);
const hints = new Hints();
new Phone();
const presets = new Presets((action, args) => wire.ask(action, args), ask);
let state = null, rung = "", source = "camera", lost = 0, interrupted = false, ratio = 0;

function see(canvas) {
  light.see(canvas);
  if (ratio === canvas.width / canvas.height) return;
  ratio = canvas.width / canvas.height;
  at("frame").style.setProperty("--ratio", ratio);
}

// Sends an action. A refusal is shown as a message; the page follows the state in the answer.
async function ask(action, args) {
  try { return await wire.ask(action, args); } catch (error) { alarm(error.message); show(); return null; }
}

/* showing the state */

function show() {
  if (!state) return;
  for (const button of all("[data-flag]")) button.setAttribute("aria-pressed", Boolean(state[button.dataset.flag]));
  for (const slider of sliders) slider.follow(state[slider.name]);
  at("brush").disabled = !state.has_brush;
  at("brush-fixed").hidden = at("brush").disabled === false;
  follow(at("cycle"), state.cycle_s ?? 0, seconds => say("every {seconds} s", { seconds }));
  follow(at("scale"), state.scale ?? "auto", percent);
  set_text("tier", { lean: say("(lean network)"), rich: say("(rich network)") }[state.tier] ?? "");
  presets.follow(state.presets ?? []);
  gallery.mark(state);
  own.follow(state);
  room.follow(state);
  standing.follow(state);
  const { title, artist } = placard();
  set_text("title", title);
  set_text("artist", [artist, room_title()].filter(Boolean).join(" · "));
  show_medium();
  set_text("notice", [state.panic && say("Others see a still picture"), state.notice].filter(Boolean).join(". "));
  show_publishing(state.publishing);
  at("recording").hidden = !state.recording;
  at("recording").title = state.recording ?? "";
  // A card with text is not mirrored, so that it stays readable.
  const as_mirror = at("self").getAttribute("aria-pressed") === "true";
  document.body.classList.toggle("as-mirror", as_mirror !== state.mirror);
  document.body.classList.toggle("words-on-picture", Boolean(state.panic || state.resting || state.notice));
  document.body.classList.toggle("panic", state.panic);
  at("picture").setAttribute("aria-label", say("The live picture: {title}", { title: [title, artist].filter(Boolean).join(", ") }));
  document.title = `${state.panic ? say("Still picture") : state.resting ? say("Camera off") : title} · stylecam`;
}

function placard() {
  if (state.resting) return { title: say("Camera off"), artist: say("Nobody sees you") };
  const parts = Object.entries(state.weights ?? {}).sort((a, b) => b[1] - a[1]);
  if (state.bypass || !parts.length) return { title: say("You"), artist: say("as you are") };
  const cards = parts.map(([name, weight]) => ({ weight, ...(gallery.style(name) ?? { title: name.replaceAll("_", " ") }) }));
  if (cards.length === 1) return { title: cards[0].title, artist: [artist_name(cards[0].artist), cards[0].year, cards[0].own && licence_name(cards[0].licence)].filter(Boolean).join(", ") };
  return {
    title: cards.map(card => surname(card.artist) || card.title).join(" × "),
    artist: cards.map(card => `${percent(card.weight)} ${card.title}`).join(", "),
  };
}

// The painting that the room wears, if it has one of its own.
function room_title() {
  const names = Object.keys(state.room_weights ?? {});
  if (!names.length || state.bypass || state.resting || state.paint === "room") return "";
  return say("the room: {title}", { title: names.map(name => gallery.style(name)?.title ?? name).join(", ") });
}

// The surname: "van Gogh" of Vincent van Gogh.
const surname = artist => (/unknown/.test(artist) ? "" : artist?.trim().match(/(?:(?<!\S)\p{Ll}+ )*\S+$/u)?.[0] ?? "");

// Medium and size as on a museum label: oil on canvas, 73 × 92 cm.
function show_medium() {
  const painted = !state.bypass && Object.keys(state.weights ?? {}).length && state.strength > 0 && !state.resting;
  const [paint, brush, alone] = SOURCES[source] ?? SOURCES.camera;
  set_text("medium", [painted ? (state.preserve_color ? brush : paint) : alone, painted ? sized(rung) : ""].filter(Boolean).join(", "));
}

// What others see: the painting, the camera's own picture, or a cover.
function show_publishing(kind) {
  set_text("publishing", PUBLISHING[kind] ?? "");
  at("publishing").dataset.kind = kind ?? "";
  compare.follow(state?.hides_room ? "" : kind);
}

function set_text(id, text) {
  if (at(id).textContent !== text) at(id).textContent = text;
}

// Select a value in a list; a value set by another client that the list does not have is added.
function follow(select, value, words) {
  if (document.activeElement === select && select.matches(":active")) return;
  if (![...select.options].some(option => option.value === String(value))) select.add(new Option(words(value), value));
  select.value = value;
}

let toasting = 0;
function toast(text) {
  set_text("alarm", "");
  set_text("toast", text);
  clearTimeout(toasting);
  toasting = setTimeout(() => set_text("toast", ""), TOAST_MS);
}

let alarming = 0;
function alarm(text) {
  set_text("toast", "");
  set_text("alarm", text);
  clearTimeout(alarming);
  alarming = setTimeout(() => set_text("alarm", ""), TOAST_MS);
}

/* sliders */

class Slider {
  #input; #touched = -Infinity; #timer = 0; #later = 0;

  constructor(name) {
    this.name = name;
    this.#input = at(name);
    this.#input.oninput = () => {
      this.#touched = performance.now();
      this.#say();
      this.#timer ||= setTimeout(() => { this.#timer = 0; ask(name, { value: this.#input.value / 100 }); }, SLIDE_MS);
    };
  }

  follow(value) {
    if (this.#input.matches(":active") || this.#timer || performance.now() - this.#touched < SETTLE_MS) {
      this.#later ||= setTimeout(() => { this.#later = 0; show(); }, SETTLE_MS);
      return;
    }
    this.#input.value = Math.round(value * 100);
    this.#say();
  }

  #say() {
    const { value, min, max } = this.#input;
    this.#input.style.setProperty("--v", `${100 * (value - min) / (max - min)}%`);
    set_text(`${this.name}-said`, percent(this.#input.value / 100));
    this.#input.setAttribute("aria-valuetext", percent(this.#input.value / 100));
  }
}

const sliders = ["strength", "steadiness", "brush", "face"].map(name => new Slider(name));

/* buttons */

// The arguments of an action. A toggle gets its new state, so that two clients do not undo each other's change.
// The room is hidden in the way of the settings, which stylecam knows.
function arguments_of(action) {
  if (action === "room") return {};
  const flag = all("[data-flag]").find(button => button.dataset.action === action)?.dataset.flag;
  return flag && state ? { on: !state[flag] } : {};
}

async function carry_out(action) {
  const answer = await ask(action, arguments_of(action));
  const file = answer?.result?.file;
  if (file) toast(action === "snapshot" ? say("Snapshot: {file}", { file }) : answer.state.recording ? say("Recording to: {file}", { file }) : say("Recorded: {file}", { file }));
}

for (const button of all("[data-action]")) button.onclick = () => carry_out(button.dataset.action);
at("cycle").onchange = event => ask("cycle", { seconds: Number(event.target.value) });
at("scale").onchange = event => ask("scale", { value: event.target.value === "auto" ? "auto" : Number(event.target.value) });
at("self").onclick = () => {
  at("self").setAttribute("aria-pressed", at("self").getAttribute("aria-pressed") !== "true");
  show();
};
at("full").onclick = toggle_full;
at("full").hidden = !document.fullscreenEnabled; // on an iPhone

function toggle_full() {
  if (document.fullscreenElement) document.exitFullscreen();
  else at("frame").requestFullscreen?.();
}
at("picture").ondblclick = toggle_full;

/* keys */

const keys = new Map([
  ["?", { says: say("this list"), does: () => at("help").showModal() }],
  ["g", { says: say("blend two, on and off"), does: () => gallery.blend(!gallery.blending) }],
]);

async function learn_keys() {
  const { actions = [] } = await (await request("/api/actions")).json();
  for (const { name, help, key } of actions) {
    // No key ends stylecam here, as it may have been meant for another window.
    if (key && name !== "quit" && !keys.has(key)) keys.set(key, { says: help, does: () => carry_out(name) });
  }
  const lines = [["1…9", say("a style by its number")], ...[...keys].map(([key, { says }]) => [key, says])];
  at("keys").replaceChildren(...lines.map(([key, says]) => {
    const line = document.createElement("div"), term = document.createElement("dt"), what = document.createElement("dd");
    term.append(Object.assign(document.createElement("kbd"), { textContent: key }));
    what.textContent = says;
    line.append(term, what);
    return line;
  }));
}

addEventListener("keydown", event => {
  if (event.isTrusted && event.key.length === 1) document.body.classList.add("has-keyboard");
  const busy = event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]") || event.target.matches("select, [type=text], [type=search]");
  if (busy || !at("use-keys").checked) return;
  const numbered = /^[1-9]$/.test(event.key) && gallery.styles.find(style => String(style.number) === event.key);
  const bound = numbered ? () => ask("select", { style: numbered.name }) : keys.get(event.key)?.does;
  if (!bound || (event.repeat && !"+-[]".includes(event.key))) return;
  event.preventDefault();
  bound();
});

at("open-help").onclick = () => at("help").showModal();
for (const dialog of all("dialog")) dialog.onclick = event => { if (event.target === dialog) dialog.close(); };
at("use-keys").checked = kept("stylecam-keys") !== "off";
at("use-keys").onchange = event => keep("stylecam-keys", event.target.checked ? "on" : "off");

/* the connection */

wire.addEventListener("open", async () => {
  accepted();
  state = null; // a restarted stylecam counts versions from 0
  clearTimeout(lost);
  document.body.classList.remove("lost");
  set_text("veil", "");
  if (interrupted && !document.hidden) stream.restart();
  interrupted = false;
  try {
    await gallery.refresh();
    show();
    await learn_keys();
    hints.begin();
  } catch { /* the connection was lost again; its next opening retries */ }
});
wire.addEventListener("state", event => {
  if (state && event.detail.version < state.version) return; // an older state
  const before = state;
  state = event.detail;
  show();
  if (before && before.styles !== state.styles) gallery.refresh().then(show).catch(() => {}); // a style came, went or got better
  if (before?.recording && !state.recording) toast(say("The recording has ended: {file}", { file: before.recording }));
});
wire.addEventListener("stats", event => {
  meter.see(event.detail);
  standing.see(event.detail);
  show_publishing(event.detail.publishing); // it can change without a command
  if (event.detail.rung === rung && event.detail.source === source) return;
  rung = event.detail.rung ?? "";
  source = event.detail.source;
  if (state) show_medium();
});
wire.addEventListener("notice", event => { if (event.detail) toast(event.detail); });
wire.addEventListener("closed", event => {
  interrupted = true;
  compare.follow("");
  clearTimeout(lost);
  const words = event.detail
    ? say("This page’s link is from an earlier start. Open the link that stylecam printed this time.")
    : say("Connection lost, reconnecting …");
  lost = setTimeout(() => { document.body.classList.add("lost"); set_text("veil", words); }, document.body.classList.contains("lost") ? 0 : GRACE_MS);
});

let hiding = 0;
document.addEventListener("visibilitychange", () => {
  clearTimeout(hiding);
  if (document.hidden) { hiding = setTimeout(() => stream.stop(), HIDDEN_MS); return; }
  if (locked()) return;
  wire.hurry();
  stream.start();
});
addEventListener("online", () => wire.hurry());

if (locked()) {
  document.body.classList.add("lost");
  set_text("veil", say("This page opens with the link that stylecam prints when it starts."));
} else {
  stream.start();
  wire.connect();
}
