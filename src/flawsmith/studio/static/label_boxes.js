// Boxes in the room for labels: those of the data, and drawn ones. What stands out inside is marked.
import { post } from "./api.js";
import { Mask } from "./mask.js";

/** Return a mask by kind of what stands out inside boxes of a picture, [{ kind, box }]; a box is [left, top, right, bottom]. */
export async function inside({ picture, size: [tall, wide] }, boxes) {
  const found = await post("label/inside", { picture, boxes: boxes.map(({ box }) => box) });
  const masks = new Map();
  for (const [i, { left, top, size: [height, width], bits }] of found.entries()) {
    const { kind } = boxes[i], part = await Mask.unpack(bits, width, height);
    if (!masks.has(kind)) masks.set(kind, new Mask(wide, tall));
    for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) if (part.at(x, y)) masks.get(kind).span(top + y, left + x, left + x + 1);
  }
  return masks;
}

/** Draw the outlines of boxes, [{ kind, box }]; colourOf(kind): in which colour. */
export function paintBoxes(board, view, boxes, colourOf) {
  for (const { kind, box: [left, top, right, bottom] } of boxes) {
    const a = view.toScreen({ x: left, y: top }), b = view.toScreen({ x: right, y: bottom });
    for (const [style, dash] of [["#000", []], [colourOf(kind), [6, 4]]]) {
      board.setLineDash(dash);
      board.lineWidth = 2 * view.ratio;
      board.strokeStyle = style;
      board.strokeRect(a.x, a.y, b.x - a.x, b.y - a.y);
    }
    board.setLineDash([]);
  }
}

/** Return a tool that draws a box; done(box): what is done with it. */
export function boxTool(view, drawing, done) {
  let from = null, to = null;
  return {
    down: (point) => { from = to = point; },
    move: (point) => { to = point; view.redraw(); },
    up: (point) => {
      const box = [Math.min(from.x, point.x), Math.min(from.y, point.y), Math.max(from.x, point.x), Math.max(from.y, point.y)];
      from = null;
      view.redraw();
      const whole = [Math.floor(box[0]), Math.floor(box[1]), Math.ceil(box[2]), Math.ceil(box[3])];
      if (whole[2] - whole[0] < 2 || whole[3] - whole[1] < 2) return;
      done(whole);
    },
    cancel: () => { from = null; view.redraw(); },
    paint: (board) => {
      if (!from) return;
      const a = view.toScreen(from), b = view.toScreen(to);
      drawing.twice(board, () => board.rect(a.x, a.y, b.x - a.x, b.y - a.y));
    },
  };
}
