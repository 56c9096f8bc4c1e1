"use strict";
// The latent plane on a canvas: a static picture with marks on top of it.

const LONGEST_NAME = 14; // letters
const MOST_NAMES = 20;
const DEVIATIONS = [1, 2, 3]; // radii of the prior's circles

class Plane {
  // `places` are pairs of coordinates. `labels` are the indices of their `classes`, which have a
  // name and colors. `isShown(index)` returns whether a point is visible. `layers` tells which of
  // `images`, `prior` and `manifold` to draw; `manifold` is a `Manifold`.
  constructor(canvas, { view, axes, places, labels, classes, isShown, layers, hasPrior, manifold }) {
    Object.assign(this, { canvas, view, axes, places, labels, classes, isShown, layers, hasPrior, manifold });
    this.background = makeCanvas(1, 1);
    this.marks = {};
    this.names = []; // with room, each with its `text`, `anchor` and `box`
    this.written = []; // the same, moved away from the marks
    new ResizeObserver(() => this.redraw()).observe(canvas);
  }

  // The place under a pointer.
  placeOf({ clientX, clientY }) {
    const { left, top, width, height } = this.canvas.getBoundingClientRect();
    return this.view.fromScreen([(clientX - left) / width, (clientY - top) / height]);
  }

  // The position of a place on the canvas, in its pixels.
  pixel(place) {
    return this.view.toScreen(place).map((part) => part * this.background.width);
  }

  // The visible test image nearest to a place; -1 if none is visible.
  nearest([x, y]) {
    let [found, least] = [-1, Infinity];
    this.places.forEach(([px, py], index) => {
      const distance = (px - x) ** 2 + (py - y) ** 2;
      if (distance < least && this.isShown(index)) [found, least] = [index, distance];
    });
    return found;
  }

  // Redraws everything after a change of size, view, colors or classes.
  redraw() {
    const side = Math.round(this.canvas.clientWidth * devicePixelRatio);
    if (!side) return;
    for (const canvas of [this.canvas, this.background]) {
      if (canvas.width !== side) canvas.width = canvas.height = side;
    }
    const style = getComputedStyle(document.documentElement);
    const names = ["text", "card", "accent", "grid", "faint"];
    const colors = Object.fromEntries(names.map((name) => [name, style.getPropertyValue(`--${name}`)]));
    const tone = isDark() ? "dark" : "light";
    this.classColors = this.classes.map((one) => one[tone]);
    const context = this.background.getContext("2d");
    const brush = new Brush(context, colors);
    context.fillStyle = colors.card;
    context.fillRect(0, 0, side, side);
    this.drawGridLines(brush);
    if (this.layers.manifold) this.manifold.draw(context, this);
    const hasPrior = this.layers.prior && this.hasPrior;
    if (hasPrior) this.drawPrior(brush);
    if (this.layers.images) this.drawPoints(brush);
    this.drawGridNumbers(brush);
    const buttons = { x: side, y: 0, width: 90 * brush.ratio, height: 320 * brush.ratio }; // in the corner
    this.taken = [buttons, ...(hasPrior ? this.writeDeviations(brush) : [])];
    this.names = this.layers.images ? this.placeNames(brush) : [];
    this.brush = new Brush(this.canvas.getContext("2d"), colors);
    this.draw(this.marks);
  }

  // Draws marks over it, as marks.js has them.
  draw(marks) {
    this.marks = marks;
    if (!this.brush) return; // it has no size yet
    this.brush.context.drawImage(this.background, 0, 0);
    drawMarks(this, this.brush, marks);
  }

  drawGridLines({ context, colors, ratio }) {
    const side = this.background.width;
    const width = (value) => (value === 0 ? 2 : 1) * ratio;
    context.fillStyle = colors.grid;
    for (const value of gridValues(this.view.x)) {
      context.fillRect(this.pixel([value, 0])[0] - width(value) / 2, 0, width(value), side);
    }
    for (const value of gridValues(this.view.y)) {
      context.fillRect(0, this.pixel([0, value])[1] - width(value) / 2, side, width(value));
    }
  }

  drawGridNumbers(brush) {
    const side = this.background.width;
    const gap = 4 * brush.ratio;
    const text = (value) => String(Number(value.toPrecision(6))).replace("-", "−");
    const color = brush.colors.faint;
    brush.setFont(11);
    for (const value of gridValues(this.view.x)) {
      const [x] = this.pixel([value, 0]);
      if (this.hasRoom(x)) brush.write(text(value), [x, side - gap], { baseline: "bottom", color });
    }
    for (const value of gridValues(this.view.y)) {
      const [, y] = this.pixel([0, value]);
      if (this.hasRoom(y)) brush.write(text(value), [gap, y], { align: "left", color });
    }
    const corner = [side - gap, side - 19 * brush.ratio];
    brush.write(this.axes[0], corner, { align: "right", baseline: "bottom", color });
    brush.write(this.axes[1], [gap, gap], { align: "left", baseline: "top", color });
  }

  // N(0, I) on the plane: circles at one, two and three standard deviations.
  drawPrior(brush) {
    const [x, y] = this.pixel([0, 0]);
    const unit = this.pixel([1, 0])[0] - x;
    brush.context.setLineDash([5 * brush.ratio, 4 * brush.ratio]);
    for (const radius of DEVIATIONS) {
      brush.outline(1.2, () => brush.context.arc(x, y, radius * unit, 0, 2 * Math.PI), brush.colors.faint);
    }
    brush.context.setLineDash([]);
  }

  // Labels of these circles, above the points. Returns their boxes.
  writeDeviations(brush) {
    brush.setFont(12, "bold");
    return DEVIATIONS.flatMap((radius) => {
      const diagonal = radius * Math.SQRT1_2;
      // On the first diagonal where it does not cover numbers, names of axes or buttons.
      const places = [[1, -1], [1, 1], [-1, -1], [-1, 1]].map(([dx, dy]) => this.pixel([dx * diagonal, dy * diagonal]));
      const place = places.find((at) => at.every((pixel) => this.hasRoom(pixel)));
      if (place) brush.write(`${radius}σ`, place);
      return place ? [boxAround(place, 11 * brush.ratio)] : [];
    });
  }

  // Whether a pixel, along one axis, is apart from the numbers, the names of axes and the buttons.
  hasRoom(pixel) {
    return pixel > 0.07 * this.background.width && pixel < 0.93 * this.background.width;
  }

  drawPoints({ context, colors, ratio }) {
    const size = Math.min(Math.max(110 / Math.sqrt(this.places.length), 1.6), 4);
    const radius = Math.min(size * Math.max(this.view.zoom, 1) ** 0.3, 6) * ratio;
    context.globalAlpha = 0.75;
    this.places.forEach((place, index) => {
      if (!this.isShown(index)) return;
      const [x, y] = this.pixel(place);
      context.fillStyle = this.classColors[this.labels[index]] ?? colors.accent;
      context.beginPath();
      context.arc(x, y, radius, 0, 2 * Math.PI);
      context.fill();
    });
    context.globalAlpha = 1;
  }

  // The names with room. They are readable without color.
  placeNames(brush) {
    const { context, ratio } = brush;
    const side = this.background.width;
    this.setNameFont(brush);
    const names = this.findNames(side).map((name) => ({
      ...name,
      width: context.measureText(name.text).width + 6 * ratio,
      height: 20 * ratio,
    }));
    const boxes = placeNames(names, side, this.taken);
    return names.map((name, i) => ({ ...name, box: boxes[i] })).filter(({ box }) => box);
  }

  // Writes the names, moved away from the boxes of marks. A line connects a name with its class if
  // they are apart.
  writeNames(brush, marks) {
    const { context, colors } = brush;
    const isCovered = ({ box }) => marks.some((mark) => overlap(box, mark));
    const kept = this.names.filter((name) => !isCovered(name));
    const covered = this.names.filter(isCovered);
    const taken = [...this.taken, ...marks, ...kept.map(({ box }) => box)];
    const boxes = placeNames(covered, this.background.width, taken);
    this.written = [...kept, ...covered.map((name, i) => ({ ...name, box: boxes[i] ?? name.box }))];
    for (const { anchor, box } of this.written) {
      if (distance([box.x, box.y], anchor) < box.height / 2) continue;
      brush.outline(1.2, () => {
        context.moveTo(...anchor);
        context.lineTo(box.x, box.y);
      });
      brush.disc(anchor, 2.5, colors.text);
    }
    this.setNameFont(brush);
    for (const { text, box } of this.written) brush.write(text, [box.x, box.y]);
  }

  setNameFont(brush) {
    brush.setFont(this.classes.every(({ name }) => name.length < 3) ? 16 : 12, "bold");
  }

  // The classes in view, and the medians of their points in view.
  findNames(side) {
    if (!this.classes.length || this.classes.length > MOST_NAMES) return [];
    const seen = this.classes.map(() => []);
    this.places.forEach((place, index) => {
      const at = this.isShown(index) && this.pixel(place);
      if (at && at.every((value) => value >= 0 && value < side)) seen[this.labels[index]].push(at);
    });
    const median = (values) => values.sort((a, b) => a - b)[values.length >> 1];
    return this.classes.flatMap(({ name }, label) => {
      const points = seen[label];
      if (!points.length) return [];
      const anchor = [0, 1].map((axis) => median(points.map((at) => at[axis])));
      const text = name.length > LONGEST_NAME ? `${name.slice(0, LONGEST_NAME - 1)}…` : name;
      return [{ text, anchor }];
    });
  }
}

function isDark() {
  return matchMedia("(prefers-color-scheme: dark)").matches;
}

// At most eleven round numbers from the smallest to the largest value of an axis.
function gridValues([least, most]) {
  const narrowest = (most - least) / 10;
  const unit = 10 ** Math.floor(Math.log10(narrowest));
  const step = [1, 2, 5, 10].map((factor) => factor * unit).find((step) => step >= narrowest);
  const first = Math.ceil(least / step);
  return Array.from({ length: Math.floor(most / step) - first + 1 }, (_, i) => (first + i) * step);
}
