// The token of this page's link: sent in headers, and kept for other tabs of this address and port. There is no cookie,
// because browsers send cookies to every port of a host, and so to other people's servers on this computer.

import { keep, kept } from "./storage.js";

const KEY = "stylecam-token";
const VALID = /^[A-Za-z0-9_-]{8,128}$/;

const address = new URLSearchParams(location.search), given = address.get("token");
let token = VALID.test(given ?? "") ? given : kept(KEY);
if (address.has("code")) token = await exchanged(address.get("code")) ?? token;

export const locked = () => !token;

// Fetch a path of this server with the token.
export function request(path, options = {}) {
  return fetch(path, { cache: "no-store", ...options, headers: { ...options.headers, "Accept-Language": document.documentElement.lang, Authorization: `Bearer ${token}` } });
}

// A browser cannot add headers to a WebSocket, except for the names of protocols.
export function open_socket(path) {
  const scheme = location.protocol === "https:" ? "wss:" : "ws:";
  return new WebSocket(`${scheme}//${location.host}${path}`, ["stylecam", ...(token ? [`token.${token}`] : [])]);
}

// The token is right: keep it, and take it out of the address, where others might see it.
export function accepted() {
  if (!keep(KEY, token)) { // so the address has to keep it
    if (address.has("code")) history.replaceState(null, "", `?token=${token}`);
    return;
  }
  if (location.search) history.replaceState(null, "", location.pathname);
}

// The token is wrong: take the one that another tab has kept meanwhile. False if there is no other one.
export function refused() {
  const other = kept(KEY);
  if (!other || other === token) return false;
  token = other;
  return true;
}

// A browser that stylecam has opened gets a code, which works once: others can read the arguments of programs.
async function exchanged(code) {
  try {
    const answer = await fetch("/api/code", { method: "POST", body: code });
    return answer.ok ? (await answer.json()).token : null;
  } catch { return null; }
}
