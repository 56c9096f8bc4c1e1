"use strict";
// Keys on a plane.

function listenToKeys(panel, actions) {
  const { canvas, view } = panel.plane;
  const { home } = view;
  const viewed = (change) => () => {
    change();
    actions.showView(panel);
  };
  const keys = {
    enter: actions.markEnd,
    escape: actions.clearPath,
    " ": actions.togglePath,
    "+": viewed(() => panel.zoom(2)),
    "=": viewed(() => panel.zoom(2)), // the same key without Shift
    "-": viewed(() => panel.zoom(1 / 2)),
    0: viewed(() => view.reset()),
    f: viewed(() => panel.zoomToPosterior()),
    r: actions.sampleAgain,
    p: actions.samplePrior,
    c: actions.toggleChosen,
    n: (event) => actions.stepImage(event.shiftKey ? -1 : 1),
    g: actions.toggleManifold,
    l: actions.toggleLink,
  };
  canvas.addEventListener("keydown", (event) => {
    if (hasModifier(event)) return;
    const step = view.half / (event.shiftKey ? 5 : 25);
    const [x, y] = panel.place;
    const targets = {
      ArrowLeft: [x - step, y],
      ArrowRight: [x + step, y],
      ArrowUp: [x, y + step],
      ArrowDown: [x, y - step],
      Home: home.center,
    };
    const action = keys[event.key.toLowerCase()];
    if (targets[event.key]) actions.stepTo(panel, targets[event.key]);
    else if (action) action(event);
    else return;
    event.preventDefault();
  });
}
