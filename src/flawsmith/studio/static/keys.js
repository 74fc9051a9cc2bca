// Keys for what a page does: those that a user chose instead are kept by the browser.
import { make } from "./api.js";

/** Return what a key is called: "a", "Shift+z", "ArrowRight", "Space", "?"; "" for one with a modifier that is the browser's. */
export function nameOf(event) {
  const graph = event.getModifierState?.("AltGraph");
  if ((event.ctrlKey || event.altKey || event.metaKey) && !graph) return "";
  if (/^Digit\d$/.test(event.code)) return `${event.shiftKey ? "Shift+" : ""}${event.code.slice(5)}`; // whatever shift makes of a digit
  if (event.key === " ") return "Space";
  if (event.key.length === 1 && event.key.toLowerCase() !== event.key.toUpperCase()) return `${event.shiftKey ? "Shift+" : ""}${event.key.toLowerCase()}`;
  return event.key.length === 1 ? event.key : `${event.shiftKey ? "Shift+" : ""}${event.key}`;
}

/** Return a key as people read it. */
export const shown = (key) => key.replace("Shift+", "⇧").replace("ArrowLeft", "←").replace("ArrowRight", "→").replace("ArrowUp", "↑").replace("ArrowDown", "↓")
  .replace(/[a-z]$/, (letter) => (key.length === 1 || key.startsWith("Shift+") ? letter.toUpperCase() : letter));

export class Keys {
  /** actions: { name: { words, keys: [...] } }; store: where the browser keeps changed ones. */
  constructor(actions, store) {
    this.actions = actions;
    this.store = store;
    this.changed = () => {};
    try { this.own = JSON.parse(localStorage.getItem(store)) || {}; } catch { this.own = {}; }
  }

  of(action) {
    return this.own[action] || this.actions[action].keys;
  }

  /** Return the action of a key; undefined where it has none. */
  action(event) {
    const name = nameOf(event);
    return name && Object.keys(this.actions).find((action) => this.of(action).includes(name));
  }

  /** Give a key to an action; whoever had it loses it. */
  give(action, key) {
    for (const other of Object.keys(this.actions)) {
      if (other !== action && this.of(other).includes(key)) this.own[other] = this.of(other).filter((each) => each !== key);
    }
    this.own[action] = [key];
    this.keep();
  }

  reset() {
    this.own = {};
    this.keep();
  }

  keep() {
    localStorage.setItem(this.store, JSON.stringify(this.own));
    this.changed();
  }

  /** Show all keys, to be read and changed. */
  dialog(title, words) {
    const place = make("ul", { class: "keys" });
    const row = ([action, { words }]) => {
      const key = make("button", { type: "button", class: "small", "data-action": action, "aria-label": `${words}: ${this.of(action).map(shown).join(" or ") || "no key"}. Change it` },
        ...(this.of(action).length ? this.of(action).map((each) => make("kbd", {}, shown(each))) : ["no key"]));
      key.addEventListener("click", () => {
        key.textContent = "press a key";
        const taken = (event) => {
          event.preventDefault();
          event.stopPropagation();
          if (["Shift", "Control", "Alt", "Meta", "AltGraph"].includes(event.key)) return;
          key.removeEventListener("keydown", taken);
          const name = nameOf(event);
          if (name && !["Escape", "Tab"].includes(event.key)) this.give(action, name);
          draw(action);
        };
        key.addEventListener("keydown", taken);
        key.addEventListener("blur", () => { if (key.isConnected && key.textContent === "press a key") draw(); }, { once: true });
      });
      return make("li", {}, make("span", {}, words), key);
    };
    const draw = (focused = "") => {
      place.replaceChildren(...Object.entries(this.actions).map(row));
      if (focused) place.querySelector(`[data-action="${focused}"]`)?.focus();
    };
    draw();
    const dialog = make("dialog", { "aria-labelledby": "keys-title" },
      make("h2", { id: "keys-title" }, title), ...words.map((text) => make("p", {}, text)), place,
      make("div", { class: "actions" },
        make("button", { type: "button", class: "main", onclick: () => dialog.close() }, "Close"),
        make("button", { type: "button", onclick: () => { this.reset(); draw(); } }, "Keys as they were")));
    dialog.addEventListener("close", () => dialog.remove());
    document.body.append(dialog);
    dialog.showModal();
  }
}
