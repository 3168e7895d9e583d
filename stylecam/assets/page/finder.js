// Which paintings the gallery lists, and in which order: favourites first, or alone, and those that a search finds.

const at = id => document.getElementById(id);

// Letters without accents and case, so that "metzinger" and "Grande Jatte" are found however they are typed.
const plain = text => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();

export class Finder {
  #favorites = []; #changed;

  // `changed()` is called when the list has to be arranged anew.
  constructor(changed) {
    this.#changed = changed;
    at("search").oninput = changed;
    at("only-favorites").onclick = () => this.#only(!this.only);
  }

  get only() { return at("only-favorites").getAttribute("aria-pressed") === "true"; }

  get filtered() { return this.only || Boolean(at("search").value.trim()); }

  is_favorite(name) { return this.#favorites.includes(name); }

  // Take the favourites of a state; they may have been changed on another page.
  follow(favorites) {
    if (favorites.join("\n") === this.#favorites.join("\n")) return;
    this.#favorites = favorites;
    at("only-favorites").disabled = !favorites.length;
    if (favorites.length) this.#changed();
    else this.#only(false);
  }

  order(styles) {
    const rank = style => (this.is_favorite(style.name) ? this.#favorites.indexOf(style.name) : this.#favorites.length);
    return [...styles].sort((a, b) => rank(a) - rank(b));
  }

  finds(style) {
    if (this.only && !this.is_favorite(style.name)) return false;
    const words = plain([style.title, style.artist, style.year, style.name.replaceAll("_", " ")].filter(Boolean).join(" "));
    return plain(at("search").value).split(/\s+/).every(word => words.includes(word));
  }

  #only(on) {
    at("only-favorites").setAttribute("aria-pressed", on);
    this.#changed();
  }
}
