// Pictures are dropped, sorted, and sent file by file; they become a project when all are there, or nothing of them stays.
import { make, post, tell } from "./api.js";

const AT_ONCE = 3; // files on their way
const LITTER = /(^|\/)(\.|thumbs\.db$|desktop\.ini$|__macosx(\/|$))/i; // what systems add

const form = document.querySelector("[data-bring]");
const part = (name) => document.querySelector(`[data-${name}]`);
const zones = [];
let going = null; // { id, stopped, requests }

const bytes = (count) => { for (const [unit, factor] of [["GB", 1e9], ["MB", 1e6], ["kB", 1e3]]) if (count >= factor) return `${(count / factor).toFixed(1)} ${unit}`; return `${count} bytes`; };
const plural = (count, word) => `${count.toLocaleString("en")} ${word}${count === 1 ? "" : "s"}`;

// ---- zones

/** A place to drop files; kind: returns the name of the kind of defect. */
class Zone {
  constructor(element, kind = () => "") {
    Object.assign(this, { element, kind, place: element.dataset.place, files: [] });
    this.told = make("p", { class: "count", role: "status" });
    const choose = (words, options) => {
      const input = make("input", { type: "file", multiple: true, ...options, onchange: () => { this.add([...input.files].map((file) => [file.webkitRelativePath || file.name, file])); input.value = ""; } });
      return make("label", {}, input, make("span", { class: "button small" }, words));
    };
    this.empty = make("button", { type: "button", class: "small", hidden: true, onclick: () => { this.files = []; this.show(); } }, "Take out");
    element.append(this.told, make("div", { class: "actions" }, choose("Choose files", {}), choose("Choose a folder", { webkitdirectory: true }), this.empty));
    element.addEventListener("dragover", (event) => { event.preventDefault(); element.classList.add("over"); });
    element.addEventListener("dragleave", () => element.classList.remove("over"));
    element.addEventListener("drop", (event) => this.dropped(event));
    zones.push(this);
  }

  async dropped(event) {
    event.preventDefault();
    this.element.classList.remove("over");
    const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
    try {
      this.add(entries.length ? (await Promise.all(entries.map((entry) => filesIn(entry)))).flat() : [...event.dataTransfer.files].map((file) => [file.name, file]));
    } catch (error) {
      tell(`What was dropped could not be read (${error.message}). Choose the files instead.`, true);
    }
  }

  add(found) {
    const known = new Set(this.files.map(([name]) => name));
    this.files.push(...found.filter(([name]) => !LITTER.test(name) && !known.has(name)));
    this.show();
  }

  get bytes() { return this.files.reduce((sum, [, file]) => sum + file.size, 0); }

  show() {
    this.told.textContent = this.files.length ? `${plural(this.files.length, "file")}, ${bytes(this.bytes)}` : "";
    this.empty.hidden = !this.files.length;
    summed();
  }
}

/** Return the files in what was dropped, folders and all, with their paths. */
async function filesIn(entry, before = "") {
  const name = `${before}${entry.name}`;
  if (entry.isFile) return [[name, await new Promise((done, failed) => entry.file(done, failed))]];
  const reader = entry.createReader(), found = [];
  for (;;) {
    const some = await new Promise((done, failed) => reader.readEntries(done, failed)); // a hundred at a time
    if (!some.length) return found;
    for (const each of some) found.push(...await filesIn(each, `${name}/`));
  }
}

let kinds = 0;
function addKind() {
  const number = kinds += 1;
  const name = make("input", { maxlength: 64, autocomplete: "off", spellcheck: "false", "aria-describedby": `kind-${number}-hint` });
  const zone = (place, title, hint) => make("section", { class: "zone", "data-place": place, "aria-labelledby": `zone-${place}-${number}` },
    make("h3", { id: `zone-${place}-${number}` }, title), make("p", { class: "hint" }, hint));
  const pictures = zone("defect", "With this defect", "Pictures of parts that have it: three or more.");
  const masks = zone("mask", "Their masks", "If you have some: called as their pictures, or with _mask behind the name; white where the defect is.");
  part("kinds").append(make("div", { class: "kind" },
    make("label", { class: "field" }, make("span", {}, number === 1 ? "Kind of defect" : `Kind of defect ${number}`), name,
      make("small", { id: `kind-${number}-hint` }, "One word that tells it from others, such as scratch.")),
    make("div", { class: "zones" }, pictures, masks)));
  const kind = () => name.value.trim();
  new Zone(pictures, kind);
  new Zone(masks, kind);
  name.addEventListener("input", summed);
  return name;
}

const sorted = () => form.elements.way.value === "sorted";
const chosen = () => zones.filter((zone) => (zone.place === "whole") !== sorted() && zone.files.length);

function summed() {
  const used = chosen(), count = used.reduce((sum, zone) => sum + zone.files.length, 0);
  const nameless = used.some((zone) => ["defect", "mask"].includes(zone.place) && !zone.kind());
  part("start").disabled = !count || nameless || Boolean(going);
  part("sum").value = nameless ? "Give the kind of defect a name." : count ? `${plural(count, "file")}, ${bytes(used.reduce((sum, zone) => sum + zone.bytes, 0))}` : "";
}

// ---- sending

const send = (file, query, seen) => new Promise((done, failed) => {
  const request = new XMLHttpRequest();
  request.open("POST", `/incoming/${going.id}/api/upload?${new URLSearchParams(query)}`);
  request.setRequestHeader("content-type", "application/octet-stream");
  request.upload.onprogress = (event) => seen(event.loaded);
  request.onload = () => {
    let said = {};
    try { said = JSON.parse(request.responseText); } catch { said = { error: request.responseText }; }
    if (request.status === 200) done(said.left); else done([said.error || `${query.name}: the studio answered ${request.status}.`]);
  };
  request.onerror = () => failed(new Error("The studio does not answer. Is it still running? Nothing was kept of this upload."));
  request.onabort = () => failed(new Error("Stopped. Nothing was kept of this upload."));
  request.onloadend = () => going?.requests.delete(request);
  going.requests.add(request);
  request.send(file);
});

async function bring() {
  const files = chosen().flatMap((zone) => zone.files.map(([name, file]) => ({ name, file, place: zone.place, kind: zone.kind() })));
  const total = files.reduce((sum, { file }) => sum + file.size, 0);
  going = { id: "", stopped: false, requests: new Set() }; // may be stopped before the studio has answered
  const left = [], under = new Map(); // bytes of files on their way
  let done = 0, over = 0, told = 0;
  const far = () => {
    const now = over + [...under.values()].reduce((sum, each) => sum + each, 0);
    part("progress").value = total ? now / total : 0;
    if (Date.now() - told > 400) {
      told = Date.now();
      part("far").textContent = `${done.toLocaleString("en")} of ${plural(files.length, "file")}, ${bytes(now)} of ${bytes(total)}${now >= total ? "; archives are unpacked" : ""}`;
    }
  };
  const waiting = [...files];
  const worker = async () => {
    for (let each = waiting.shift(); each && !going.stopped; each = waiting.shift()) {
      left.push(...await send(each.file, { name: each.name, place: each.place, kind: each.kind }, (loaded) => { under.set(each, loaded); far(); }));
      under.delete(each);
      done += 1;
      over += each.file.size;
      far();
    }
  };
  try {
    going.id = (await post("/api/incoming", { files: files.length, bytes: total })).id;
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
    if (going.stopped) throw new Error("Stopped. Nothing was kept of this upload.");
    const said = await post(`/api/incoming/${going.id}/finish`, { name: form.elements.name?.value ?? "", project: form.dataset.project });
    going = null;
    return { address: said.address, left };
  } catch (error) {
    const { id, requests } = going;
    going = null;
    for (const request of requests) request.abort();
    if (id) await post(`/api/incoming/${id}/cancel`).catch(() => {});
    if (left.length) showLeft(left, "");
    throw error;
  }
}

function showLeft(left, address) {
  part("left").hidden = false;
  part("left-title").textContent = `${plural(left.length, "file")} left out`;
  part("left-list").replaceChildren(...left.slice(0, 500).map((words) => make("li", {}, words)), ...(left.length > 500 ? [make("li", {}, `and ${left.length - 500} more`)] : []));
  part("on").hidden = !address;
  if (address) part("on").href = address;
  part("left-title").focus();
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  part("start").disabled = true;
  part("going").hidden = false;
  part("left").hidden = true;
  try {
    const { address, left } = await bring();
    if (!left.length) { location.assign(address); return; }
    form.hidden = true;
    showLeft(left, address);
  } catch (error) {
    tell(error.message, true);
  }
  part("going").hidden = true;
  summed();
});

part("stop").addEventListener("click", () => {
  if (!going) return;
  going.stopped = true;
  for (const request of [...going.requests]) request.abort();
});
addEventListener("pagehide", () => { if (going?.id) navigator.sendBeacon(`/api/incoming/${going.id}/cancel`); });
addEventListener("beforeunload", (event) => { if (going) event.preventDefault(); });
addEventListener("dragover", (event) => event.preventDefault()); // what misses a zone opens no other page
addEventListener("drop", (event) => event.preventDefault());

for (const radio of form.elements.way) {
  radio.addEventListener("change", () => {
    for (const each of document.querySelectorAll("[data-way]")) each.hidden = each.dataset.way !== form.elements.way.value;
    summed();
  });
}
part("another").addEventListener("click", () => addKind().focus());
new Zone(document.querySelector("[data-place=whole]"));
new Zone(document.querySelector("[data-place=normal]"));
addKind();
summed();
