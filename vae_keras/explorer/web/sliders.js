"use strict";
// Sliders for the coordinates of a point with more than two dimensions, and traversals: images along
// one dimension while the others are constant.

const FIRST = 8; // the dimensions that are always visible
const TRAVERSAL_IMAGES = 9;

class Sliders {
  // `onInput` is called with a dimension and its new value, `onReset` without anything.
  constructor(container, run, { onInput, onReset }) {
    this.run = run;
    if (run.size === 2) return;
    this.reach = Math.max(3, Math.ceil(run.arrays.mean.reduce((most, value) => Math.max(most, Math.abs(value)), 0)));
    this.rows = run.dimensions.map(({ dimension, note }) => {
      const name = make("span", { className: "name", textContent: `z${subscript(dimension + 1)} (${note})` });
      const input = make("input", { type: "range", min: -this.reach, max: this.reach, step: this.reach / 60 });
      const output = make("output");
      input.addEventListener("input", () => onInput(dimension, Number(input.value)));
      return { dimension, note, input, output, label: make("label", {}, name, input, output) };
    });
    const labels = this.rows.map(({ label }) => label);
    const reset = make("button", { type: "button", className: "reset", textContent: "Back to the plane" });
    reset.addEventListener("click", onReset);
    container.append(...labels.slice(0, FIRST));
    if (labels.length > FIRST) {
      const summary = make("summary", { textContent: `${labels.length - FIRST} more dimensions` });
      container.append(make("details", { className: "more" }, summary, make("div", {}, ...labels.slice(FIRST))));
    }
    container.append(reset, this.makeTraversals());
  }

  makeTraversals() {
    const ends = [-this.reach, this.reach].map((value) => format(value, 0)).join(" to ");
    const rows = this.rows.slice(0, FIRST).map(({ dimension, note }) => {
      const name = `z${subscript(dimension + 1)}`;
      const canvas = make("canvas", { className: "traversal" });
      canvas.setAttribute("role", "img");
      canvas.setAttribute("aria-label", `${name} from ${ends}, the other dimensions constant`);
      return { dimension, canvas, row: make("div", {}, make("span", { textContent: `${name} ${note}` }), canvas) };
    });
    this.traversals = rows;
    this.details = make(
      "details",
      { className: "traversals" },
      make("summary", { textContent: `Traversals: each dimension from ${ends}` }),
      this.makeScale(),
      ...rows.map(({ row }) => row),
    );
    this.details.addEventListener("toggle", () => this.point && this.show(this.point));
    return this.details;
  }

  // The values of every second image, above their columns.
  makeScale() {
    const values = Array.from({ length: TRAVERSAL_IMAGES }, (_, column) => {
      const text = String(Number(this.valueAt(column).toFixed(2))).replace("-", "−");
      return make("span", { textContent: column % 2 ? "" : text });
    });
    return make("div", {}, make("span"), make("div", { className: "scale" }, ...values));
  }

  // The value of a traversed dimension in a column.
  valueAt(column) {
    return this.reach * ((2 * column) / (TRAVERSAL_IMAGES - 1) - 1);
  }

  // Shows a point.
  show(point) {
    if (this.run.size === 2) return;
    this.point = point;
    for (const { dimension, input, output } of this.rows) {
      input.value = point[dimension];
      output.textContent = format(point[dimension]);
      input.setAttribute("aria-valuetext", output.textContent);
    }
    if (this.details.open) this.traverse(point.slice());
  }

  traverse(point) {
    if (String(point) === this.traversed) return;
    this.traversed = String(point);
    this.stop?.();
    this.isDone = false;
    const { run, traversals } = this;
    const [height, width] = run.shape;
    const cell = makeCanvas(width, height);
    const step = (index) => {
      const { dimension, canvas } = traversals[Math.floor(index / TRAVERSAL_IMAGES)];
      const column = index % TRAVERSAL_IMAGES;
      if (canvas.height !== height) Object.assign(canvas, { width: width * TRAVERSAL_IMAGES, height });
      const moved = point.slice();
      moved[dimension] = this.valueAt(column);
      paint(cell, run.decode(moved), run.shape);
      canvas.getContext("2d").drawImage(cell, column * width, 0);
      this.isDone = index === traversals.length * TRAVERSAL_IMAGES - 1;
    };
    this.stop = runInSlices(traversals.length * TRAVERSAL_IMAGES, step, () => {});
  }
}
