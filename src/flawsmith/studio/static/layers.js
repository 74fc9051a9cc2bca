// What lies over a picture on a canvas: masks in a colour with their outlines, and the cursor of the keys. place: where the picture is (place.js).

const CROSS = [[-1, 0], [1, 0], [0, -1], [0, 1]];

/** Draw a mask: { mask, colour, opacity, outline }. */
export function drawLayer(board, place, { mask, colour = "#e5484d", opacity = 0.4, outline = true }) {
  const seen = place.seen();
  if (!mask || !seen) return;
  const tiles = [...mask.tiles.keys()].filter((index) => {
    const { left, top } = mask.place(index);
    return left < seen.right && top < seen.bottom && left + 256 > seen.left && top + 256 > seen.top;
  });
  board.imageSmoothingEnabled = place.scale < 1;
  board.globalAlpha = opacity;
  for (const index of opacity > 0 ? tiles : []) {
    const { left, top } = mask.place(index);
    // edges on whole pixels: two tiles neither overlap nor leave a gap
    const x = Math.round(place.left + left * place.scale), y = Math.round(place.top + top * place.scale);
    const right = Math.round(place.left + (left + 256) * place.scale), bottom = Math.round(place.top + (top + 256) * place.scale);
    board.drawImage(mask.drawn(index, colour), 0, 0, 256, 256, x, y, right - x, bottom - y);
  }
  board.globalAlpha = 1;
  if (!outline) return;
  board.setTransform(place.scale, 0, 0, place.scale, place.left, place.top);
  board.lineCap = "square";
  for (const [style, width] of [["#000a", 3], [colour, 1.5]]) {
    board.strokeStyle = style;
    board.lineWidth = (width * place.ratio) / place.scale;
    for (const index of tiles) board.stroke(mask.outline(index));
  }
  board.setTransform(1, 0, 0, 1, 0, 0);
}

export function drawCursor(board, place) {
  const { x, y } = place.toScreen(place.cursor);
  for (const [style, width] of [["#000", 3], ["#fff", 1]]) {
    board.strokeStyle = style;
    board.lineWidth = width * place.ratio;
    board.beginPath();
    for (const [dx, dy] of CROSS) {
      board.moveTo(x + 4 * dx * place.ratio, y + 4 * dy * place.ratio);
      board.lineTo(x + 14 * dx * place.ratio, y + 14 * dy * place.ratio);
    }
    board.stroke();
  }
}
