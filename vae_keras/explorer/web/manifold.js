"use strict";
// Images decoded on a grid over the visible part of a plane, as its background.

const CELLS = 16; // rows of images
const PAUSE = 150; // milliseconds between the last change of a view and decoding

class Manifold {
  // `decode` returns the image at a place; `onChange` is called after new images are decoded.
  constructor(shape, decode, onChange) {
    Object.assign(this, { shape, decode, onChange, pictures: [], stop: () => {} });
  }

  // Decodes the images of a view, unless it has them. `version` changes if the images at the same
  // places change.
  update(view, version = 0) {
    const key = `${view.x} ${view.y} ${version}`;
    if (key === this.key) return;
    this.key = key;
    this.stop();
    const timer = setTimeout(() => this.start(view.x, view.y), PAUSE);
    this.stop = () => clearTimeout(timer);
  }

  start(x, y) {
    const [height, width] = this.shape;
    const rows = CELLS;
    const columns = Math.max(1, Math.round((CELLS * height) / width)); // cells have the images' aspect
    const canvas = makeCanvas(columns * width, rows * height);
    const cell = makeCanvas(width, height);
    // The old images stay visible until the new ones are decoded.
    this.pictures = [...this.pictures.slice(-1), { canvas, x, y }];
    this.isDone = false;
    const step = (index) => {
      const [row, column] = [Math.floor(index / columns), index % columns];
      const place = [
        x[0] + ((column + 0.5) / columns) * (x[1] - x[0]),
        y[1] - ((row + 0.5) / rows) * (y[1] - y[0]),
      ];
      paint(cell, this.decode(place), this.shape);
      canvas.getContext("2d").drawImage(cell, column * width, row * height);
      this.isDone = index === rows * columns - 1;
    };
    this.stop = runInSlices(rows * columns, step, () => this.onChange());
  }

  draw(context, plane) {
    context.imageSmoothingEnabled = false;
    for (const { canvas, x, y } of this.pictures) {
      const [left, top] = plane.pixel([x[0], y[1]]);
      const [right, bottom] = plane.pixel([x[1], y[0]]);
      context.drawImage(canvas, left, top, right - left, bottom - top);
    }
  }
}
