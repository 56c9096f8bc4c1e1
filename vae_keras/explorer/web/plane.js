"use strict";
// The latent plane on a canvas: test images as points, and marks on top of them.

class Plane {
  // `places` are pairs of coordinates. `labels` are the indices of their `classes`, which have a
  // name and colors. `isShown(index)` tells whether a point is visible.
  constructor(canvas, { limits, axes, places, labels, classes, isShown }) {
    Object.assign(this, { canvas, limits, axes, places, labels, classes, isShown });
    this.background = makeCanvas(1, 1);
    this.marks = {};
    new ResizeObserver(() => this.redraw()).observe(canvas);
  }

  // The place below a pointer.
  placeOf(event) {
    const { left, top, width, height } = this.canvas.getBoundingClientRect();
    const { x, y } = this.limits;
    return this.clamp([
      x[0] + ((event.clientX - left) / width) * (x[1] - x[0]),
      y[1] - ((event.clientY - top) / height) * (y[1] - y[0]),
    ]);
  }

  clamp([x, y]) {
    const { x: across, y: up } = this.limits;
    return [Math.min(Math.max(x, across[0]), across[1]), Math.min(Math.max(y, up[0]), up[1])];
  }

  // The shown test image that is nearest to a place; -1 if none is shown.
  nearest([x, y]) {
    let [found, least] = [-1, Infinity];
    this.places.forEach(([px, py], index) => {
      const distance = (px - x) ** 2 + (py - y) ** 2;
      if (distance < least && this.isShown(index)) [found, least] = [index, distance];
    });
    return found;
  }

  // Draws everything anew: after a change of size, colors or classes.
  redraw() {
    const side = Math.round(this.canvas.clientWidth * devicePixelRatio);
    if (!side) return;
    for (const canvas of [this.canvas, this.background]) canvas.width = canvas.height = side;
    const context = this.background.getContext("2d");
    const style = getComputedStyle(document.documentElement);
    const color = (name) => style.getPropertyValue(name);
    this.colors = { text: color("--text"), card: color("--card"), accent: color("--accent") };
    const tone = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
    this.classColors = this.classes.map((one) => one[tone]);
    context.fillStyle = color("--card");
    context.fillRect(0, 0, side, side);
    this.drawGrid(context, color("--grid"), color("--faint"));
    this.drawPoints(context);
    this.drawNames(context);
    this.drawAxisNames(context, color("--faint"));
    this.draw(this.marks);
  }

  // Draws marks over the points: `pointer`, `nearest`, `drawing` and `moving` are places or missing,
  // `path` is a list of places.
  draw(marks) {
    this.marks = marks;
    if (!this.colors) return; // it has no size yet
    const context = this.canvas.getContext("2d");
    context.drawImage(this.background, 0, 0);
    this.drawPath(context, marks.path ?? []);
    if (marks.moving) this.drawDot(context, marks.moving, 5);
    if (marks.nearest) this.drawRing(context, marks.nearest);
    if (marks.drawing) this.drawDiamond(context, this.clamp(marks.drawing));
    if (marks.pointer) this.drawCross(context, marks.pointer);
  }

  pixel([x, y]) {
    const { x: across, y: up } = this.limits;
    const side = this.background.width;
    return [((x - across[0]) / (across[1] - across[0])) * side, ((up[1] - y) / (up[1] - up[0])) * side];
  }

  font(size, weight = "") {
    return `${weight} ${size * devicePixelRatio}px system-ui, sans-serif`;
  }

  drawGrid(context, gridColor, textColor) {
    const side = this.background.width;
    const [across, up] = [gridValues(this.limits.x), gridValues(this.limits.y)];
    const column = (value) => this.pixel([value, 0])[0];
    const row = (value) => this.pixel([0, value])[1];
    const width = (value) => (value === 0 ? 2 : 1) * devicePixelRatio;
    context.fillStyle = gridColor;
    for (const value of across) context.fillRect(column(value) - width(value) / 2, 0, width(value), side);
    for (const value of up) context.fillRect(0, row(value) - width(value) / 2, side, width(value));
    const text = (value) => String(Number(value.toPrecision(6))).replace("-", "−");
    // No number where those of the other axis or the name of an axis stand.
    const hasRoom = (pixel) => pixel > 0.07 * side && pixel < 0.93 * side;
    const gap = 4 * devicePixelRatio;
    context.font = this.font(11);
    context.fillStyle = textColor;
    context.textAlign = "center";
    context.textBaseline = "bottom";
    for (const value of across) {
      if (hasRoom(column(value))) context.fillText(text(value), column(value), side - gap);
    }
    context.textAlign = "left";
    context.textBaseline = "middle";
    for (const value of up) {
      if (hasRoom(row(value))) context.fillText(text(value), gap, row(value));
    }
  }

  drawAxisNames(context, color) {
    const side = this.background.width;
    const gap = 5 * devicePixelRatio;
    context.font = this.font(11);
    context.lineWidth = 3 * devicePixelRatio;
    context.strokeStyle = this.colors.card;
    context.fillStyle = color;
    const write = (text, x, y, align, baseline) => {
      context.textAlign = align;
      context.textBaseline = baseline;
      context.strokeText(text, x, y);
      context.fillText(text, x, y);
    };
    write(this.axes[0], side - gap, side - 19 * devicePixelRatio, "right", "bottom");
    write(this.axes[1], gap, gap, "left", "top");
  }

  drawPoints(context) {
    const radius = Math.min(Math.max(110 / Math.sqrt(this.places.length), 1.6), 4) * devicePixelRatio;
    context.globalAlpha = 0.75;
    this.places.forEach((place, index) => {
      if (!this.isShown(index)) return;
      const [x, y] = this.pixel(place);
      context.fillStyle = this.classColors[this.labels[index]] ?? this.colors.accent;
      context.beginPath();
      context.arc(x, y, radius, 0, 2 * Math.PI);
      context.fill();
    });
    context.globalAlpha = 1;
  }

  // A short name fits where its class is, and needs no color to be read.
  drawNames(context) {
    this.classes.forEach(({ name }, label) => {
      const places = this.places.filter((_, index) => this.labels[index] === label && this.isShown(index));
      if (!places.length || name.length > 2) return;
      const median = (axis) => places.map((place) => place[axis]).sort((a, b) => a - b)[places.length >> 1];
      this.drawText(context, name, this.pixel([median(0), median(1)]), 16);
    });
  }

  drawText(context, text, [x, y], size) {
    context.font = this.font(size, "bold");
    context.textAlign = "center";
    context.textBaseline = "middle";
    context.lineJoin = "round";
    context.lineWidth = 4 * devicePixelRatio;
    context.strokeStyle = this.colors.card;
    context.strokeText(text, x, y);
    context.fillStyle = this.colors.text;
    context.fillText(text, x, y);
  }

  // Strokes a shape twice, so that it is seen on points of any color.
  outline(context, width, shape) {
    for (const [color, extra] of [[this.colors.card, 2.5], [this.colors.text, 0]]) {
      context.strokeStyle = color;
      context.lineWidth = (width + extra) * devicePixelRatio;
      context.beginPath();
      shape();
      context.stroke();
    }
  }

  drawCross(context, place) {
    const [x, y] = this.pixel(place);
    const [inner, outer] = [4, 13].map((length) => length * devicePixelRatio);
    this.outline(context, 2, () => {
      for (const [dx, dy] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) {
        context.moveTo(x + inner * dx, y + inner * dy);
        context.lineTo(x + outer * dx, y + outer * dy);
      }
    });
  }

  drawRing(context, place) {
    const [x, y] = this.pixel(place);
    this.outline(context, 2, () => context.arc(x, y, 6 * devicePixelRatio, 0, 2 * Math.PI));
  }

  drawDot(context, place, radius) {
    const [x, y] = this.pixel(place);
    context.beginPath();
    context.arc(x, y, radius * devicePixelRatio, 0, 2 * Math.PI);
    context.fillStyle = this.colors.accent;
    context.fill();
    context.lineWidth = 2 * devicePixelRatio;
    context.strokeStyle = this.colors.card;
    context.stroke();
  }

  drawPath(context, path) {
    this.outline(context, 2, () => path.forEach((place) => context.lineTo(...this.pixel(place))));
    path.forEach((place) => this.drawDot(context, place, 7));
  }

  drawDiamond(context, place) {
    const [x, y] = this.pixel(place);
    const reach = 8 * devicePixelRatio;
    context.beginPath();
    for (const [dx, dy] of [[0, -reach], [reach, 0], [0, reach], [-reach, 0]]) context.lineTo(x + dx, y + dy);
    context.closePath();
    context.fillStyle = this.colors.text;
    context.fill();
    context.lineWidth = 2 * devicePixelRatio;
    context.strokeStyle = this.colors.card;
    context.stroke();
    const edge = 34 * devicePixelRatio;
    const inside = Math.min(Math.max(x, edge), this.background.width - edge);
    this.drawText(context, "drawing", [inside, y + (y > edge ? -1 : 1) * 19 * devicePixelRatio], 13);
  }
}

// At most eleven round numbers from the least to the largest value of an axis.
function gridValues([least, most]) {
  const narrowest = (most - least) / 10;
  const unit = 10 ** Math.floor(Math.log10(narrowest));
  const step = [1, 2, 5, 10].map((factor) => factor * unit).find((step) => step >= narrowest);
  const first = Math.ceil(least / step);
  return Array.from({ length: Math.floor(most / step) - first + 1 }, (_, i) => (first + i) * step);
}
