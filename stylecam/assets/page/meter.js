// Charts of rate, latency and processing size over the last forty seconds, with a text for screen readers.

import { decimal, percent, say } from "./words.js";

const KEPT = 160; // forty seconds of four samples a second
const SPEAK_MS = 5000;

const at = id => document.getElementById(id);
const number = (value, digits = 0) => Number.isFinite(value) ? decimal(value, digits) : "–";
const milliseconds = value => Number.isFinite(value) ? say("{number} ms", { number: number(value) }) : "–";

// 768x432 as 768 × 432, without a line break.
export const sized = rung => rung.replace("x", "\u00a0×\u00a0");

export class Meter {
  #canvas = at("graph"); #kept = []; #spoke = -Infinity;

  constructor() { new ResizeObserver(() => this.#draw()).observe(this.#canvas); }

  see(stats) {
    const rung = String(stats.rung ?? "");
    this.#kept.push({
      fps: stats.published_fps, painted: stats.painted_fps, latency: stats.latency_p95_ms, rung: Number(rung.split("x")[1]) || 0,
    });
    if (this.#kept.length > KEPT) this.#kept.shift();
    at("fps").textContent = Number.isFinite(stats.published_fps) ? say("{number} a second", { number: number(stats.published_fps) }) : "–";
    at("latency").textContent = milliseconds(stats.latency_p50_ms);
    at("rung").textContent = sized(rung) || "–";
    at("latency").title = say("worst {share}: {time}", { share: percent(0.05), time: milliseconds(stats.latency_p95_ms) });
    at("fps").title = say("painted {number} a second by {engine}, {cores} cores", {
      number: number(stats.painted_fps, 1), engine: [stats.engine ?? "?", stats.device].filter(Boolean).join(" "), cores: number(stats.cpu_cores, 1),
    });
    this.#tellServer(stats.server);
    if (!document.hidden) this.#draw();
    if (performance.now() - this.#spoke > SPEAK_MS) {
      this.#spoke = performance.now();
      this.#canvas.setAttribute("aria-label", [
        say("The last forty seconds: {published} pictures a second published, {painted} painted", { published: number(stats.published_fps), painted: number(stats.painted_fps) }),
        Number.isFinite(stats.latency_p50_ms) ? say("delay {typical}, worst {share}: {worst}", { typical: milliseconds(stats.latency_p50_ms), share: percent(0.05), worst: milliseconds(stats.latency_p95_ms) }) : "",
        rung ? say("painted at {size}", { size: sized(rung) }) : "",
      ].filter(Boolean).join("; ") + ".");
    }
  }

  // Where the camera's pictures go, if they leave stylecam to be painted.
  #tellServer(server) {
    const line = at("server"), place = server?.place;
    line.hidden = !server;
    if (!server) return;
    const text = server.up
      ? say("Your camera's pictures go to {place} to be painted", { place })
      : say("{place} is not used now: this computer paints", { place });
    if (line.textContent !== text) line.textContent = text;
    line.title = Number.isFinite(server.round_trip_ms) ? say("{time} there and back", { time: milliseconds(server.round_trip_ms) }) : "";
  }

  #draw() {
    const canvas = this.#canvas, density = devicePixelRatio || 1;
    const width = canvas.clientWidth, height = canvas.clientHeight;
    if (!width || !height) return;
    canvas.width = Math.round(width * density);
    canvas.height = Math.round(height * density);
    const context = canvas.getContext("2d"), style = getComputedStyle(canvas);
    context.scale(density, density);
    const kept = this.#kept, step = width / (KEPT - 1), left = width - (kept.length - 1) * step;
    const most = (key, least) => Math.max(least, ...kept.map(k => k[key] || 0));
    const path = (key, scale) => {
      context.beginPath();
      let pen = false;
      kept.forEach((k, i) => {
        if (!Number.isFinite(k[key])) { pen = false; return; }
        context[pen ? "lineTo" : "moveTo"](left + i * step, height - 2 - (height - 4) * k[key] / scale);
        pen = true;
      });
    };
    if (kept.length > 1) {
      path("rung", most("rung", 720) * 1.15);
      context.lineTo(width, height);
      context.lineTo(left, height);
      context.fillStyle = style.getPropertyValue("--wash");
      context.fill();
    }
    context.lineWidth = 1;
    context.strokeStyle = style.getPropertyValue("--line");
    context.beginPath();
    context.moveTo(0, height - 0.5);
    context.lineTo(width, height - 0.5);
    context.stroke();
    context.lineWidth = 1.5;
    context.lineJoin = "round";
    context.strokeStyle = style.getPropertyValue("--faint");
    context.setLineDash([3, 3]);
    path("latency", most("latency", 120) * 1.15);
    context.stroke();
    context.setLineDash([]);
    context.strokeStyle = style.getPropertyValue("--accent");
    path("fps", most("fps", 30) * 1.15);
    context.stroke();
  }
}
