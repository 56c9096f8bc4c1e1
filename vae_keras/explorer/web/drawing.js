"use strict";
// A canvas to draw on, and the conversion of drawings to images of the model.

const STROKE = 0.09; // width of a stroke, as a part of the image
const EXAMPLE = [
  [[0.3, 0.32], [0.36, 0.24], [0.47, 0.2], [0.58, 0.23], [0.64, 0.32], [0.62, 0.42], [0.54, 0.54]],
  [[0.54, 0.54], [0.42, 0.66], [0.3, 0.78], [0.45, 0.77], [0.58, 0.78], [0.7, 0.77]],
]; // a 2

class Drawing {
  constructor(canvas, onChange) {
    Object.assign(this, { canvas, onChange, strokes: [] });
    canvas.width = canvas.height = 320;
    canvas.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      event.preventDefault();
      canvas.setPointerCapture(event.pointerId);
      this.strokes.push([]);
      this.extend(event);
    });
    canvas.addEventListener("pointermove", (event) => {
      if (canvas.hasPointerCapture(event.pointerId)) this.extend(event);
    });
    this.clear();
  }

  extend(event) {
    const { left, top, width, height } = this.canvas.getBoundingClientRect();
    this.strokes.at(-1).push([(event.clientX - left) / width, (event.clientY - top) / height]);
    this.show();
  }

  clear() {
    this.set([]);
  }

  undo() {
    this.set(this.strokes.slice(0, -1));
  }

  set(strokes) {
    this.strokes = strokes;
    this.show();
  }

  show() {
    const side = this.canvas.width;
    drawStrokes(this.canvas, this.strokes, side * STROKE, ([x, y]) => [x * side, y * side]);
    this.onChange();
  }
}

// White strokes on black.
function drawStrokes(canvas, strokes, width, place) {
  const context = canvas.getContext("2d");
  context.fillStyle = "#000";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.strokeStyle = "#fff";
  context.lineWidth = width;
  context.lineCap = context.lineJoin = "round";
  for (const stroke of strokes) {
    context.beginPath();
    for (const point of [stroke[0], ...stroke]) context.lineTo(...place(point));
    context.stroke();
  }
}

// Converts a drawing to an image like the test images, as in the preparation of MNIST's digits: its
// longer side has the median length of theirs, and its center of mass is at the mean of theirs, or
// as near as the borders of the image allow.
function drawingToImage(strokes, [height, width, channels], { side, center }) {
  const points = strokes.flat();
  const axes = [0, 1].map((axis) => points.map((point) => point[axis]));
  const [first, last] = [Math.min, Math.max].map((end) => axes.map((values) => end(...values)));
  const stroke = STROKE * width;
  const extents = [0, 1].map((axis) => Math.max(last[axis] - first[axis], 0.01));
  const scale = Math.min(
    (side - stroke) / Math.max(...extents, 0.1), // a dot stays small
    (width - stroke) / extents[0],
    (height - stroke) / extents[1],
  );
  const canvas = makeCanvas(width, height);
  const draw = (shift) =>
    drawStrokes(canvas, strokes, stroke, (point) => point.map((value, axis) => value * scale + shift[axis]));
  const middle = [width, height].map((size, axis) => (size - scale * (first[axis] + last[axis])) / 2);
  draw(middle);
  const mass = centerOfMass(readCanvas(canvas, 1), width);
  draw(
    middle.map((value, axis) => {
      const room = Math.max(0, [width, height][axis] - stroke - scale * (last[axis] - first[axis])) / 2;
      return value + Math.min(Math.max(center[axis] - mass[axis], -room), room);
    }),
  );
  return readCanvas(canvas, channels);
}

function centerOfMass(values, width) {
  let [mass, x, y] = [1e-9, 0, 0];
  values.forEach((value, index) => {
    mass += value;
    x += value * ((index % width) + 0.5);
    y += value * (Math.floor(index / width) + 0.5);
  });
  return [x / mass, y / mass];
}
