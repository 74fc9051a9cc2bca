// A curve over the steps, as SVG: follows the width of its place and the page's colours, and says in words what it shows.

const MARGIN = { left: 56, right: 12, top: 10, bottom: 26 };

/** Draw points [{x, y}] (sorted by x) into an <svg>. given: name, thick (running mean over this many points), dots, most (x axis ends there). */
export function draw(svg, points, { name, thick = 1, dots = false, most = 0 }) {
  const width = Math.max(240, svg.clientWidth || 480), height = svg.height.baseVal.value;
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  svg.setAttribute("role", "img");
  if (!points.length) {
    svg.setAttribute("aria-label", `${name}: nothing measured yet`);
    svg.replaceChildren(line(MARGIN.left, height - MARGIN.bottom, width - MARGIN.right, height - MARGIN.bottom, "axis"),
      text(width / 2, height / 2, "nothing measured yet", "middle"));
    return;
  }
  const last = points.at(-1), least = points.reduce((a, b) => (b.y < a.y ? b : a));
  svg.setAttribute("aria-label", `${name}: ${short(last.y)} at step ${last.x}; least ${short(least.y)} at step ${least.x}; first ${short(points[0].y)} at step ${points[0].x}`);
  const right = Math.max(most, last.x, 1);
  const top = ceiling(quantile(points.map((each) => each.y), 0.98) * 1.15);
  const x = (value) => MARGIN.left + (value / right) * (width - MARGIN.left - MARGIN.right);
  const y = (value) => height - MARGIN.bottom - (Math.min(value, top) / top) * (height - MARGIN.bottom - MARGIN.top);
  const inside = [];
  for (const share of [0, 0.25, 0.5, 0.75, 1]) {
    inside.push(line(MARGIN.left, y(share * top), width - MARGIN.right, y(share * top), share ? "grid" : "axis"));
    inside.push(text(MARGIN.left - 8, y(share * top) + 4, short(share * top), "end"));
  }
  for (const share of [0, 0.5, 1]) {
    inside.push(text(x(share * right), height - 8, `${share === 1 ? "step " : ""}${Math.round(share * right)}`, share === 1 ? "end" : share ? "middle" : "start"));
  }
  const shown = thinned(points, width);
  inside.push(path(shown, x, y, thick > 1 ? "curve thin" : "curve"));
  if (thick > 1) inside.push(path(thinned(means(points, thick), width), x, y, "curve"));
  if (dots || points.length < 4) shown.forEach((each) => inside.push(circle(x(each.x), y(each.y), 3, "dot")));
  if (dots) inside.push(circle(x(least.x), y(least.y), 7, "ring"));
  svg.replaceChildren(...inside);
}

const element = (name, given) => {
  const found = document.createElementNS("http://www.w3.org/2000/svg", name);
  Object.entries(given).forEach(([key, value]) => found.setAttribute(key, value));
  return found;
};
const line = (x1, y1, x2, y2, kind) => element("line", { x1, y1, x2, y2, class: kind });
const circle = (cx, cy, r, kind) => element("circle", { cx, cy, r, class: kind });
function text(x, y, words, anchor) {
  const found = element("text", { x, y, "text-anchor": anchor });
  found.textContent = words;
  return found;
}
const path = (points, x, y, kind) =>
  element("polyline", { class: kind, points: points.map((each) => `${x(each.x).toFixed(1)},${y(each.y).toFixed(1)}`).join(" ") });

/** At most one point a pixel: of long fits every so many. */
function thinned(points, width) {
  const every = Math.ceil(points.length / width);
  return every < 2 ? points : points.filter((_, index) => index % every === 0 || index === points.length - 1);
}

function means(points, count) {
  let sum = 0;
  return points.map((each, index) => {
    sum += each.y - (index >= count ? points[index - count].y : 0);
    return { x: each.x, y: sum / Math.min(count, index + 1) };
  });
}

function quantile(values, share) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
}

/** A round number above. */
function ceiling(value) {
  if (!(value > 0)) return 1;
  const unit = 10 ** Math.floor(Math.log10(value));
  return unit * [1, 2, 4, 6, 8, 10].find((times) => times * unit >= value);
}

export const short = (value) => (value === 0 ? "0" : Math.abs(value) >= 100 ? value.toFixed(0) : Number(value.toPrecision(3)).toString());
