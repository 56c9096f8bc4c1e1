"use strict";
// The section for drawing: the input of the encoder, and the reconstruction of each run.

// `onDrawing` is called with the image of a new drawing, or null.
function makeSketch(onDrawing) {
  const figures = panels.filter(({ run }) => run.encode).map((panel) => {
    const { run } = panel;
    const made = makeFigure("drawing-rebuilt", `Reconstruction of the drawing by ${run.title}`);
    element("drawing-results").append(made.figure);
    return { panel, run, ...made };
  });
  element("drawing").closest("section").hidden = !figures.length;
  let waiting = false;
  const show = () => {
    waiting = false;
    const { strokes } = drawing;
    const image = strokes.length ? drawingToImage(strokes, contents.imageShape, contents.drawing) : null;
    for (const name of ["clear", "undo"]) element(`drawing-${name}`).disabled = !image;
    element("drawing-label").hidden = Boolean(image);
    element("drawing-results").hidden = !image;
    if (image) paint(element("drawing-seen"), image, contents.imageShape);
    for (const { panel, run, canvas, caption } of figures) {
      panel.drawing = image && run.encodeImage(image);
      if (!image) continue;
      paint(canvas, run.decode(panel.drawing.mean), run.shape);
      const title = figures.length > 1 ? run.title : "rebuilt";
      caption.textContent = `${title}\n${describePlace(run, run.project(panel.drawing.mean))}`;
    }
    onDrawing(image);
  };
  const drawing = new Drawing(element("drawing"), () => {
    if (!waiting) requestAnimationFrame(show);
    waiting = true;
  });
  // A button that becomes disabled loses the focus, which moves to an enabled one.
  const act = (name, change) => {
    element(`drawing-${name}`).addEventListener("click", () => {
      change();
      if (!drawing.strokes.length) element("drawing-example").focus();
    });
  };
  act("clear", () => drawing.clear());
  act("undo", () => drawing.undo());
  act("example", () => drawing.set(EXAMPLE));
}
