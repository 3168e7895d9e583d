// Presets: choose one, save the look of now as one, rename and delete them.

import { say } from "./words.js";

const at = id => document.getElementById(id);
const make = (tag, of = {}, ...inside) => { const made = Object.assign(document.createElement(tag), of); made.append(...inside); return made; };

const WORDS = {
  none: say("none yet"), choose: say("choose …"), save: say("Save"), replace: say("Replace"), rename: say("Rename"),
  remove: say("Delete"), cancel: say("Cancel"),
  new_name: name => say("New name for {name}", { name }),
  rename_it: name => say("Rename {name}", { name }),
  remove_it: name => say("Delete {name}", { name }),
};

export class Presets {
  #order; #ask; #names = []; #shown = null; #edited = null; #way = "";

  // `order(action, arguments)` rejects with the reason of a refusal; `ask` shows it on the page.
  constructor(order, ask) {
    this.#order = order;
    this.#ask = ask;
    at("preset").onchange = () => { this.#choose(at("preset").value); at("preset").value = ""; };
    at("open-presets").onclick = () => this.#open();
    at("preset-name").oninput = () => this.#name_button();
    at("save-preset").onsubmit = event => { event.preventDefault(); this.#save(); };
  }

  follow(names) {
    if (this.#shown && names.join("\n") === this.#shown.join("\n")) return;
    this.#names = this.#shown = names;
    const options = [new Option(names.length ? WORDS.choose : WORDS.none, ""), ...names.map(name => new Option(name, name))];
    at("preset").replaceChildren(...options);
    at("preset").disabled = !names.length;
    if (!names.includes(this.#edited)) this.#edited = null;
    this.#list();
  }

  #choose(name) { if (name) this.#ask("preset", { name }); }

  #open() {
    this.#refuse("");
    this.#edit(null);
    at("preset-name").value = "";
    this.#name_button();
    at("presets").showModal();
    at("preset-name").focus();
  }

  async #save() {
    const name = at("preset-name").value.trim();
    if (name && await this.#carry_out("save_preset", { name })) at("presets").close();
  }

  // Saving under a name that there is replaces that preset.
  #name_button() { at("save").textContent = this.#names.includes(at("preset-name").value.trim()) ? WORDS.replace : WORDS.save; }

  #edit(name, way = "") {
    [this.#edited, this.#way] = [name, way];
    this.#list();
  }

  #list() {
    at("preset-list").replaceChildren(...this.#names.map(name => make("li", {}, name === this.#edited ? this.#form(name) : this.#row(name))));
    this.#name_button();
  }

  #row(name) {
    const chip = (words, label, does) => {
      const button = make("button", { type: "button", className: "chip", onclick: does }, words);
      button.setAttribute("aria-label", label);
      return button;
    };
    return make("div", { className: "row" },
      make("button", { type: "button", className: "pick", onclick: () => { this.#choose(name); at("presets").close(); } }, name),
      chip(WORDS.rename, WORDS.rename_it(name), () => this.#edit(name, "rename")),
      chip(WORDS.remove, WORDS.remove_it(name), () => this.#edit(name, "delete")));
  }

  // A row that asks: for another name, or whether the preset shall go.
  #form(name) {
    const renames = this.#way === "rename";
    const field = make("input", { type: "text", maxLength: 40, required: true, value: name, autocomplete: "off", spellcheck: false });
    field.setAttribute("aria-label", WORDS.new_name(name));
    const yes = make("button", { className: renames ? "chip" : "chip danger", type: "submit" }, renames ? WORDS.rename : WORDS.remove_it(name));
    const form = make("form", { className: "entry", onsubmit: event => {
      event.preventDefault();
      const new_name = field.value.trim();
      if (!renames) this.#carry_out("delete_preset", { name });
      else if (new_name === name) this.#edit(null);
      else if (new_name) this.#carry_out("rename_preset", { name, new_name });
    } }, ...(renames ? [field] : []), yes, make("button", { className: "chip", type: "button", onclick: () => this.#edit(null) }, WORDS.cancel));
    setTimeout(() => { if (renames) field.select(); else yes.focus(); });
    return form;
  }

  async #carry_out(action, args) {
    try {
      const { state } = await this.#order(action, args);
      this.#refuse("");
      this.#edited = null;
      this.follow(state.presets ?? []);
      return true;
    } catch (error) { this.#refuse(error.message); return false; }
  }

  #refuse(words) { at("presets-refusal").textContent = words; }
}
