"use strict";
// Images decoded on a grid over the seen part of a plane, as its background.

const CELLS = 16; // rows of images
const PAUSE = 150; // milliseconds that a view stays before its images are decoded

class Manifold {
  // `decode` makes an image of a place; `onChange` is called when there is more to see.
  constructor(shape, decode, onChange) {
    Object.assign(this, { shape, decode, onChange, pictures: [], stop: () => {} });
  }

  // Decodes the images of a view, unless they are those that it has. `version` is another number
  // when the same place is another image.
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
    // Until the new images are there, the old ones are seen below them.
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
