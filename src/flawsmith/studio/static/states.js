// Words for the states of jobs and of what they make.
export const OPEN = ["queued", "running", "elsewhere"];
const WORDS = {
  queued: "waits", running: "runs", done: "done", stopped: "stopped", failed: "failed", died: "died", elsewhere: "in use elsewhere",
};
const SIGNS = { queued: "…", running: "▸", done: "✓", stopped: "■", failed: "✗", died: "✗", elsewhere: "▸" };

export const word = (state) => WORDS[state];
export const sign = (state) => SIGNS[state];

/** "5 min ago", of seconds. */
export function ago(seconds) {
  if (seconds < 60) return "just now";
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)} h ago`;
  const days = Math.floor(seconds / 86400);
  return days === 1 ? "yesterday" : `${days} days ago`;
}

/** Write text into an element only where it changed: what is read aloud, and what is selected, stays. */
export function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
