// What every page's script needs: asking the server, telling the user, repeating.

export const base = document.body.dataset.base; // "/p/KEY"

/** Ask the API of this project: returns what it answers; throws an Error with the server's words and the `status`. `body` is sent as JSON, or as it is. */
export async function ask(path, { method = "GET", body, type } = {}) {
  const raw = body instanceof Blob || body instanceof FormData;
  const headers = body === undefined || body instanceof FormData ? {} : { "content-type": type || (raw ? body.type : "application/json") };
  let answer;
  try {
    answer = await fetch(path.startsWith("/") ? path : `${base}/api/${path}`, {
      method, headers, body: body === undefined || raw ? body : JSON.stringify(body),
    });
  } catch {
    throw Object.assign(new Error("The studio does not answer. Is it still running? What was decided before is saved."), { offline: true });
  }
  const text = await answer.text();
  let said = null;
  try { said = text ? JSON.parse(text) : null; } catch { /* no JSON: a refusal in plain words */ }
  if (!answer.ok) throw Object.assign(new Error(said?.error || text || `The studio answered ${answer.status}.`), { status: answer.status });
  return said;
}

export const post = (path, body = {}) => ask(path, { method: "POST", body });

/** Tell the user something, in the corner and to screen readers; errors stay until the next is told. */
export function tell(words, bad = false) {
  const place = tellingPlace();
  const line = document.createElement("p");
  line.textContent = words;
  if (bad) line.className = "bad";
  place.querySelectorAll(".bad").forEach((old) => old.remove());
  place.append(line);
  setTimeout(() => line.remove(), bad ? 12000 : 4000);
}

/** Return where words are seen: a dialog covers the page's corner. */
function tellingPlace() {
  const page = document.querySelector("body > .told"), dialog = [...document.querySelectorAll("dialog[open]")].at(-1);
  if (!dialog) return page;
  let own = dialog.querySelector(":scope > .told");
  if (!own) {
    own = make("div", { class: "told", role: "status", "aria-live": "polite" });
    dialog.append(own);
    dialog.addEventListener("close", () => page.append(...own.children));
  }
  return own;
}

/** Do what a control asks, and tell what goes wrong; the control is off meanwhile. */
export async function doing(control, work) {
  control.disabled = true;
  try { return await work(); } catch (error) { tell(error.message, true); } finally { control.disabled = false; }
}

/** Ask by a dialog; returns the value of the button that closed it, "" for none. */
export function answered(dialog) {
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((done) => dialog.addEventListener("close", () => done(dialog.returnValue), { once: true }));
}

/** Repeat a look every `seconds` while the page is seen; it ends when the look returns false. */
export function repeat(seconds, look) {
  let going = true;
  const turn = async () => {
    if (!document.hidden) {
      try { going = (await look()) !== false; } catch { /* the server may be starting again */ }
    }
    if (going) setTimeout(turn, seconds * 1000);
  };
  turn();
  return () => { going = false; };
}

/** Make an element: make("p", { class: "note", onclick: f }, "words", otherElement). */
export function make(name, given = {}, ...inside) {
  const found = document.createElement(name);
  for (const [key, value] of Object.entries(given)) {
    if (key.startsWith("on")) found.addEventListener(key.slice(2), value);
    else if (value === true) found.setAttribute(key, "");
    else if (value !== false && value !== null && value !== undefined) found.setAttribute(key, value);
  }
  found.append(...inside.filter((each) => each !== null && each !== undefined));
  return found;
}

/** Return what shows a list in `place`, an element for each item by its name: `draw(item)` makes one, and another only when something about
 * the item has changed beside what `passing` takes out; `update(element, item)` shows that. So what is focused or open stays so. */
export function list(place, draw, passing, update) {
  const drawn = new Map(); // by name: the element, and what it was drawn from
  return (items) => {
    const elements = items.map((item) => {
      const from = JSON.stringify(passing(item));
      if (drawn.get(item.name)?.from !== from) drawn.set(item.name, { from, element: draw(item) });
      const { element } = drawn.get(item.name);
      update(element, item);
      return element;
    });
    for (const name of drawn.keys()) if (!items.some((item) => item.name === name)) drawn.delete(name);
    if (elements.length !== place.children.length || elements.some((each, at) => place.children[at] !== each)) place.replaceChildren(...elements);
  };
}

/** What the server wrote into the page as <script type="application/json" id=...>. */
export const given = (id) => JSON.parse(document.getElementById(id).textContent);

export function duration(seconds) {
  if (seconds === null || seconds === undefined) return "";
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return `${(seconds / 3600).toFixed(1)} h`;
}
