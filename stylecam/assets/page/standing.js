// Where you stand: the camera, the size and rate, where the picture goes, what others see, and who is watching right now.

import { request } from "./access.js";
import { sized } from "./meter.js";
import { say } from "./words.js";

const COPIED_MS = 2000;

const at = id => document.getElementById(id);
const set_text = (id, text) => { if (at(id).textContent !== text) at(id).textContent = text; };

const file_name = path => path.split(/[\\/]/).at(-1);

// What each kind of output means for others.
const SEEN = {
  virtual: ({ label }) => say("Zoom and others see the camera “{label}”", { label }),
  pipewire: ({ label }) => say("Browsers and OBS see “{label}” through PipeWire", { label }),
  stream: ({ name }) => say("Streaming to {name}", { name }),
  file: ({ name }) => say("Recording {file}", { file: file_name(name.replace(/^file /, "")) }),
  window: () => say("Shown in a window of this computer"),
};

// What is not there has no name of its own yet.
const PLACES = { virtual: () => say("Virtual camera"), pipewire: () => say("PipeWire camera") };

// Offer values with their labels in a list, and keep the present one.
const fill = (list, choices) => {
  const present = list.value, same = choices.map(String).join() === [...list.options].map(o => [o.value, o.text].join()).join();
  if (!same) list.replaceChildren(...choices.map(([value, label]) => new Option(label, value)));
  if (present) list.value = present;
};

// Show the value in force, unless another one is on its way.
const select = (list, value, label) => {
  if (list.value === value || list.hasAttribute("aria-busy")) return;
  if (![...list.options].some(option => option.value === value)) list.add(new Option(label, value));
  list.value = value;
};

// Who takes the pictures now; this page is one of them.
const watching = viewers => viewers.length === 0 ? "" : viewers.join() === say("a web page") ? say("Only this page is watching") : say("Watching now: {names}", { names: viewers.join(", ") });

const capital = words => words.slice(0, 1).toUpperCase() + words.slice(1);

export class Standing {
  #ask; #list = at("camera"); #choices = []; #camera = null; #recording = null; #switching = false; #outputs = "";

  // `ask(action, arguments)` sends an action to stylecam.
  constructor(ask) {
    this.#ask = ask;
    this.#list.onchange = () => this.#choose(this.#list.value);
    for (const event of ["focus", "pointerenter"]) this.#list.addEventListener(event, () => this.refresh()); // one may have been plugged in
    at("copy").onclick = () => this.#copy();
    for (const [list, action, value] of [[at("size"), "size", String], [at("rate"), "fps", Number]]) {
      list.onchange = () => this.#busy(list, () => ask(action, { value: value(list.value) }));
      for (const event of ["focus", "pointerenter"]) list.addEventListener(event, () => this.#offer());
    }
    at("outputs").ontoggle = () => at("outputs").open && this.#offer();
  }

  // Ask which cameras there are.
  async refresh() {
    try {
      const answer = await request("/api/cameras");
      if (!answer.ok) return;
      this.#choices = (await answer.json()).cameras;
    } catch { return; } // the connection is lost; its next opening asks again
    const options = this.#choices.map(({ which, name, kind, problem }) => {
      const words = kind === "demo" ? say("Demo picture, no camera") : name;
      return Object.assign(new Option(problem ? `${words} (${problem.split(";")[0]})` : words, which), { disabled: Boolean(problem) });
    });
    const same = options.map(o => o.value + o.text).join("\n") === [...this.#list.options].map(o => o.value + o.text).join("\n");
    if (!same) this.#list.replaceChildren(...options);
    this.#mark();
  }

  // The state names the camera, which another client may have changed, and a recording that was begun meanwhile.
  follow(state) {
    this.#recording = state.recording;
    if (state.camera === this.#camera) return;
    this.#camera = state.camera;
    this.refresh();
  }

  see(stats) {
    select(at("size"), stats.size, sized(stats.size));
    select(at("rate"), String(stats.fps), say("{fps} fps", { fps: stats.fps }));
    const outputs = stats.outputs ?? [], missing = stats.missing_camera;
    const names = outputs.map(output => output.name + (output.trouble ?? "")).join();
    if (names !== this.#outputs && at("outputs").open) this.#offer();
    this.#outputs = names;
    const broken = outputs.filter(output => output.trouble), seen = outputs.filter(output => !output.trouble && SEEN[output.kind]);
    const ready = seen.map(output => SEEN[output.kind](output));
    if (!ready.length && !broken.length) ready.push(missing ? say("No program can see you yet") : say("Only pages with your link see you"));
    at("standing").dataset.ready = Boolean(seen.length) && !broken.length;
    if (this.#recording) ready.push(say("Recording {file}", { file: file_name(this.#recording) }));
    set_text("visibility", [...ready, ...broken.map(output => output.trouble)].map(words => words.replace(/\.$/, "")).join(". "));
    at("fix").hidden = !missing;
    set_text("fix-before", missing ? capital(missing.fix) + (missing.command ? ":" : "") : "");
    at("command").hidden = at("copy").hidden = !missing?.command;
    set_text("command", missing?.command ?? "");
    at("fix").title = missing?.reason ?? "";
    set_text("viewers", watching(stats.viewers ?? []));
    at("standing").classList.toggle("is-demo", stats.source === "demo");
  }

  #mark() {
    if (this.#switching) return;
    const current = this.#choices.find(choice => choice.current);
    if (current) this.#list.value = current.which;
  }

  async #choose(which) {
    this.#switching = true;
    await this.#busy(this.#list, () => this.#ask("camera", { which }));
    this.#switching = false;
    await this.refresh();
  }

  async #busy(control, work) {
    control.setAttribute("aria-busy", "true");
    await work();
    control.removeAttribute("aria-busy");
  }

  // Ask which sizes, rates and outputs may be chosen.
  async #offer() {
    let offered;
    try {
      const answer = await request("/api/outputs");
      if (!answer.ok) return;
      offered = await answer.json();
    } catch { return; }
    fill(at("size"), (offered.sizes ?? []).map(size => [size, sized(size)]));
    fill(at("rate"), (offered.rates ?? []).map(fps => [String(fps), say("{fps} fps", { fps })]));
    at("where").replaceChildren(...(offered.outputs ?? []).map(output => this.#switch(output)));
  }

  #switch({ which, name, kind, on, changeable, problem }) {
    const box = Object.assign(document.createElement("input"), { type: "checkbox", checked: on, disabled: !changeable });
    const label = document.createElement("label"), item = document.createElement("li");
    label.append(box, on ? name : PLACES[kind]?.() ?? name);
    item.append(label);
    if (problem) item.append(Object.assign(document.createElement("small"), { textContent: problem }));
    box.onchange = async () => {
      await this.#busy(item, () => this.#ask("output", { which, on: box.checked }));
      await this.#offer();
    };
    return item;
  }

  async #copy() {
    try {
      await navigator.clipboard.writeText(at("command").textContent);
    } catch { // without https there is no clipboard: mark the text instead
      getSelection().selectAllChildren(at("command"));
      document.execCommand?.("copy");
    }
    set_text("copy", say("Copied"));
    setTimeout(() => set_text("copy", say("Copy")), COPIED_MS);
  }
}
