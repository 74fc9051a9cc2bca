// Which pixels a stroke or an outline marks: functions that call span(row, from, to) for pixels from, from + 1, ..., to - 1.

const NEAR = 1e-9; // rounding of numbers that stand for exactly the same

/** Return where a brush of a size in pixels is put: the middle of a pixel, or for an even size a corner, so that its mark is symmetric. */
export function snapped({ x, y }, size) {
  return size % 2 ? { x: Math.floor(x) + 0.5, y: Math.floor(y) + 0.5 } : { x: Math.round(x), y: Math.round(y) };
}

/** The pixels whose middle is at most size / 2 from the line between two points. */
export function stroke(a, b, size, span) {
  const radius = size / 2, dx = b.x - a.x, dy = b.y - a.y, length = Math.hypot(dx, dy);
  for (let row = Math.ceil(Math.min(a.y, b.y) - radius - 0.5 - NEAR); row + 0.5 <= Math.max(a.y, b.y) + radius + NEAR; row++) {
    const y = row + 0.5;
    let from = Infinity, to = -Infinity;
    for (const end of [a, b]) { // the round ends
      const half = radius * radius - (y - end.y) ** 2;
      if (half < -NEAR) continue;
      from = Math.min(from, end.x - Math.sqrt(Math.max(0, half)));
      to = Math.max(to, end.x + Math.sqrt(Math.max(0, half)));
    }
    if (length) { // between them: beside the line by at most the radius, along it between its ends
      let [low, high] = [-Infinity, Infinity];
      const within = (slope, offset, least, most) => { // least <= slope * x + offset <= most
        if (Math.abs(slope) < NEAR) { if (offset < least - NEAR || offset > most + NEAR) low = Infinity; return; }
        const ends = [(least - offset) / slope, (most - offset) / slope];
        low = Math.max(low, Math.min(...ends));
        high = Math.min(high, Math.max(...ends));
      };
      within(-dy / length, (dy * a.x + dx * (y - a.y)) / length, -radius, radius);
      within(dx / length, (-dx * a.x + dy * (y - a.y)) / length, 0, length);
      if (low <= high) { from = Math.min(from, low); to = Math.max(to, high); }
    }
    if (from <= to) span(row, Math.ceil(from - 0.5 - NEAR), Math.floor(to - 0.5 + NEAR) + 1);
  }
}

/** The pixels whose middle lies in an outline (where it crosses itself, every second area), and those along it. */
export function polygon(points, span) {
  const ys = points.map((point) => point.y);
  for (let row = Math.floor(Math.min(...ys)); row <= Math.max(...ys); row++) {
    const y = row + 0.5, crossed = [];
    points.forEach((a, i) => {
      const b = points[(i + 1) % points.length];
      if (a.y <= y !== b.y <= y) crossed.push(a.x + ((y - a.y) * (b.x - a.x)) / (b.y - a.y));
    });
    crossed.sort((a, b) => a - b);
    for (let i = 0; i + 1 < crossed.length; i += 2) {
      const from = Math.ceil(crossed[i] - 0.5), to = Math.ceil(crossed[i + 1] - 0.5);
      if (from < to) span(row, from, to);
    }
  }
  points.forEach((a, i) => stroke(snapped(a, 1), snapped(points[(i + 1) % points.length], 1), 1, span));
}

/**
 * The pixels that hang together with (x, y) and of which inside(x, y) holds, of a width and height; side by side, not by corners.
 * Returns them as [row, from, to] and how many there are.
 */
export function flood(x, y, width, height, inside) {
  const seen = new Uint8Array(width * height), spans = [], open = [[x, y]];
  let area = 0;
  const free = (column, row) => !seen[row * width + column] && inside(column, row);
  while (open.length) {
    const [column, row] = open.pop();
    if (!free(column, row)) continue;
    let from = column, to = column + 1;
    while (from > 0 && free(from - 1, row)) from--;
    while (to < width && free(to, row)) to++;
    seen.fill(1, row * width + from, row * width + to);
    spans.push([row, from, to]);
    area += to - from;
    for (const near of [row - 1, row + 1]) {
      if (near < 0 || near >= height) continue;
      for (let i = from, run = false; i < to; i++) {
        const now = free(i, near);
        if (now && !run) open.push([i, near]);
        run = now;
      }
    }
  }
  return { spans, area };
}
