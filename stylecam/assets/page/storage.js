// What the browser keeps between visits. Some are set to keep nothing, and then even a look at it fails.

export function kept(key) {
  try { return localStorage.getItem(key); } catch { return null; }
}

// Returns false where nothing is kept.
export function keep(key, value) {
  try { localStorage.setItem(key, value); return true; } catch { return false; }
}
