// Colours taken from the styled picture: a glow behind the frame, and the hue of buttons and sliders.

const EVERY_MS = 400;
const STILL_EVERY_MS = 5000;
const GLOW = [12, 7], POINTS = [32, 18], BINS = 12;

export class Light {
  #glow; #small; #points; #at = -Infinity; #a = 0; #b = 0; #known = false; #shown = "";

  constructor(glow) {
    this.#glow = glow.getContext("2d");
    this.#small = canvas(GLOW);
    this.#points = canvas(POINTS);
    this.#points.imageSmoothingEnabled = false; // smoothing would average the colours to grey
    this.#small.imageSmoothingQuality = this.#glow.imageSmoothingQuality = "high";
    this.still = matchMedia("(prefers-reduced-motion: reduce)");
  }

  see(picture) {
    const now = performance.now();
    if (now - this.#at < (this.still.matches ? STILL_EVERY_MS : EVERY_MS)) return;
    this.#at = now;
    this.#small.drawImage(picture, 0, 0, ...GLOW);
    this.#points.drawImage(picture, 0, 0, ...POINTS);
    this.#glow.globalAlpha = this.#known && !this.still.matches ? 0.4 : 1;
    this.#glow.filter = "saturate(1.7)";
    this.#glow.drawImage(this.#small.canvas, 0, 0, this.#glow.canvas.width, this.#glow.canvas.height);
    this.#tint(this.#points.getImageData(0, 0, ...POINTS).data);
  }

  #tint(pixels) {
    const bins = Array.from({ length: BINS }, () => ({ weight: 0, a: 0, b: 0 }));
    for (let i = 0; i < pixels.length; i += 4) {
      const [a, b] = oklab(pixels[i], pixels[i + 1], pixels[i + 2]), chroma = Math.hypot(a, b);
      const bin = bins[Math.floor((Math.atan2(b, a) / (2 * Math.PI) + 1) * BINS) % BINS];
      const weight = chroma * liking(a, b); // grey pixels have no hue
      bin.weight += weight; bin.a += weight * a; bin.b += weight * b;
    }
    // Take the strongest hue with its neighbours; the mean of all hues would be brown.
    const around = bins.map((bin, i) => [bins.at(i - 1), bin, bins[(i + 1) % BINS]]);
    const sum = (group, key) => group.reduce((total, bin) => total + bin[key], 0);
    const best = around.reduce((one, other) => (sum(other, "weight") > sum(one, "weight") * 1.05 ? other : one));
    const weight = sum(best, "weight") + 1e-6, share = this.#known && !this.still.matches ? 0.4 : 1;
    this.#a += share * (sum(best, "a") / weight - this.#a);
    this.#b += share * (sum(best, "b") / weight - this.#b);
    this.#known = true;
    const hue = Math.round(Math.atan2(this.#b, this.#a) * 60 / Math.PI) * 3;
    const chroma = Math.min(0.13, Math.hypot(this.#a, this.#b) * 1.8).toFixed(2);
    if (this.#shown === `${hue} ${chroma}`) return;
    this.#shown = `${hue} ${chroma}`;
    document.documentElement.style.setProperty("--hue", hue);
    document.documentElement.style.setProperty("--chroma", chroma);
  }
}

const canvas = ([width, height]) =>
  Object.assign(document.createElement("canvas"), { width, height }).getContext("2d", { willReadFrequently: true });

// Prefer blue to olive where cream and blue are about equally strong.
const liking = (a, b) => 1 - 0.85 * Math.exp(-(((Math.atan2(b, a) - 1.9) / 0.5) ** 2));

// The a and b of Oklab (Ottosson 2020) for an sRGB colour 0..255.
function oklab(...rgb) {
  const [r, g, b] = rgb.map(v => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
  const l = Math.cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b);
  const m = Math.cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b);
  const s = Math.cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b);
  return [1.9779984951 * l - 2.428592205 * m + 0.4505937099 * s, 0.0259040371 * l + 0.7827717662 * m - 0.808675766 * s];
}
