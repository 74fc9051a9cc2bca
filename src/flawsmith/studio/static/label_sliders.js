// The sliders of the room for labels: the proposal's threshold and least size, and how masks and picture are shown.

/** Have sliders do what they are for; returns what moves one: (name, by). show(): shows the masks as `look` says. */
export function sliders($, { view, proposals, look, show }) {
  const adjust = () => view.adjust({ brightness: $("brightness").value / 100, contrast: $("contrast").value / 100 });
  const does = {
    threshold: () => { $("threshold-said").value = $("threshold").value; soon(() => proposals.recut()); },
    least: () => { $("least-said").value = `${proposals.least} px`; soon(() => proposals.recut()); },
    opacity: () => { look.opacity = $("opacity").value / 100; show(); },
    outline: () => { look.outline = $("outline").checked; show(); },
    brightness: adjust,
    contrast: adjust,
  };
  for (const [name, work] of Object.entries(does)) { $(name).addEventListener("input", work); work(); }
  try { $("automatic").checked = localStorage.getItem("propose") !== "no"; } catch { /* no storage: as it is */ }
  $("automatic").addEventListener("change", () => { try { localStorage.setItem("propose", $("automatic").checked ? "yes" : "no"); } catch { /* it lasts as long as the page */ } });
  return (name, by) => {
    const input = $(name);
    input.value = Number(input.value) + by;
    input.dispatchEvent(new Event("input"));
  };
}

let due = null;
function soon(work) {
  due ??= requestAnimationFrame(() => { due = null; work(); });
}
