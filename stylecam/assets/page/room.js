// Who is painted, and what the room behind the person shows.

import { say } from "./words.js";

const SLIDE_MS = 60;

const at = id => document.getElementById(id);

export class Room {
  #ask; #later = 0; #chosen = 0;

  // `ask(action, arguments)` sends an action; `choose_for(on)` says whether the gallery chooses for the room.
  constructor(ask, choose_for) {
    this.#ask = ask;
    at("for-you").onclick = () => this.#turn(false, choose_for);
    at("for-room").onclick = () => this.#turn(true, choose_for);
    for (const button of document.querySelectorAll("[data-room]")) button.onclick = () => this.#choose(button.dataset.room);
    at("room-color").onchange = () => this.#choose("color");
    at("room-picture").onchange = () => { if (at("room-picture").value) this.#set(`picture:${at("room-picture").value}`); };
    at("room-blur").oninput = () => { this.#later ||= setTimeout(() => { this.#later = 0; this.#choose("blur"); }, SLIDE_MS); };
    for (const name of ["paint", "framing"]) at(name).onchange = () => ask(name, { value: at(name).value });
  }

  follow(state) {
    const [kind, detail = ""] = state.room.split(/:(.*)/s), shown = state.paint !== "person" && kind === "camera" ? "painted" : kind;
    for (const button of document.querySelectorAll("[data-room]")) button.setAttribute("aria-pressed", button.dataset.room === shown);
    this.#follow_paint(state.paint, shown);
    if (!at("framing").matches(":active")) at("framing").value = state.framing;
    at("room-blur").hidden = shown !== "blur";
    if (kind === "blur" && !this.#later && !at("room-blur").matches(":active")) at("room-blur").value = Math.round(100 * detail);
    at("room-blur").style.setProperty("--v", at("room-blur").value + "%");
    if (kind === "color") at("room-color").value = detail;
    this.#list(state.room_pictures ?? [], kind === "picture" ? detail : "");
  }

  // Who is painted in fact: what the room shows decides too. What it rules out cannot be chosen.
  #follow_paint(paint, shown) {
    const own = shown === "style", all = own || shown === "painted", select = at("paint");
    for (const option of select.options) option.disabled = option.value === "everything" ? !all && shown !== "camera" : option.value === "person" && own;
    if (!select.matches(":active")) select.value = paint === "room" ? "room" : all ? "everything" : "person";
  }

  #turn(room, choose_for) {
    at("for-you").setAttribute("aria-pressed", !room);
    at("for-room").setAttribute("aria-pressed", room);
    at("room").hidden = !room;
    choose_for(room);
  }

  // The room painted like the person, or as the camera sees it, takes two actions; others take one.
  async #choose(kind) {
    const paint = { painted: "everything", camera: "person" }[kind];
    if (!paint) return this.#set(kind === "blur" ? `blur:${at("room-blur").value / 100}` : `color:${at("room-color").value}`);
    const chosen = ++this.#chosen;  // the second action must not undo what is chosen meanwhile
    return await this.#ask("paint", { value: paint }) && chosen === this.#chosen && this.#set("camera");
  }

  #set(value) { this.#chosen++; return this.#ask("room", { value }); }

  #list(paths, chosen) {
    const select = at("room-picture");
    at("room-pictures").hidden = !paths.length;
    const options = [["", say("Picture …")], ...paths.map(path => [path, path.split(/[\\/]/).pop()])];
    if (options.map(([path]) => path).join("\n") !== [...select.options].map(option => option.value).join("\n")) {
      select.replaceChildren(...options.map(([path, words]) => new Option(words, path)));
    }
    select.value = chosen;
  }
}
