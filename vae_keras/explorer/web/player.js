"use strict";
// The section of the path: its strips and buttons. The moving images are in the panels.

function makePath(panels) {
  const rows = panels.map(({ run, section }) => {
    const strip = makeFigure("strip", `Images along the path in ${run.title}`);
    if (panels.length > 1) strip.caption.textContent = run.title;
    strip.figure.hidden = true;
    element("path-rows").append(strip.figure);
    return { run, strip: strip.canvas, figure: strip.figure, moving: section.querySelector(".moving") };
  });
  path = new Path(rows, showMarks);
  element("path-play").addEventListener("click", togglePath);
  element("path-save").addEventListener("click", () => path.save(describePlace));
  element("path-clear").addEventListener("click", () => {
    state.panel.plane.canvas.focus({ preventScroll: true }); // the button becomes disabled
    clearPath();
  });
}

function markEnd() {
  path.add(panels.map(({ point }) => point.slice()));
  if (path.complete && !matchMedia("(prefers-reduced-motion: reduce)").matches) path.play();
  const end = path.ends.length === 1 ? "Start" : "End";
  announce(`${end} of the path: ${describePlace(state.panel.run, state.panel.place)}`);
  showPath();
}

function clearPath() {
  path.clear();
  showPath();
}

function togglePath() {
  if (!path.complete) return;
  path.playing ? path.pause() : path.play();
  showPath();
}

function showPath() {
  for (const { figure, moving } of path.rows) {
    figure.hidden = moving.closest("figure").hidden = !path.complete;
  }
  element("path-hint").hidden = path.complete;
  element("path-play").disabled = element("path-save").disabled = !path.complete;
  element("path-clear").disabled = !path.ends.length;
  element("path-play").textContent = path.playing ? "Pause" : "Play";
  showMarks();
}
