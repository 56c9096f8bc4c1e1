"use strict";
// The path between two places: images along it, played back and forth, and in a strip.

const FRAMES = 25;
const STRIP_IMAGES = 9; // every third frame
const SECONDS = 2;
const LABEL_HEIGHT = 28; // pixels above each strip of the file

class Path {
  // `rows` has for each run its `run`, and canvases for the moving image and the strip.
  constructor(rows, onFrame) {
    Object.assign(this, { rows, onFrame, ends: [], playing: false });
  }

  get complete() {
    return this.ends.length === 2;
  }

  // Adds an end, a latent point of each run; after two, a new path begins.
  add(points) {
    this.ends = this.complete ? [points] : [...this.ends, points];
    this.playing = false;
    if (this.complete) this.decode();
  }

  clear() {
    this.ends = [];
    this.playing = false;
  }

  // The places of a run's ends on its plane, and the place of its moving image.
  marks(row) {
    const { run, points } = this.rows[row];
    return {
      path: this.ends.map((end) => run.project(end[row])),
      moving: this.complete ? run.project(points[this.frame]) : null,
    };
  }

  decode() {
    this.rows.forEach((row, i) => {
      const [start, end] = this.ends.map((points) => points[i]);
      row.points = Array.from({ length: FRAMES }, (_, frame) =>
        start.map((value, axis) => value + (frame / (FRAMES - 1)) * (end[axis] - value)),
      );
      row.frames = row.points.map((point) => row.run.decode(point).slice());
      drawStrip(row);
    });
    this.show(0);
  }

  show(frame) {
    this.frame = frame;
    for (const { run, frames, moving } of this.rows) paint(moving, frames[frame], run.shape);
    this.onFrame();
  }

  play() {
    this.playing = true;
    const start = performance.now();
    const step = (now) => {
      if (!this.playing) return;
      const turn = Math.max(0, now - start) / 1000 / SECONDS;
      const t = turn % 2 < 1 ? turn % 1 : 1 - (turn % 1);
      this.show(Math.round(t * (FRAMES - 1)));
      requestAnimationFrame(step);
    };
    requestAnimationFrame(step);
  }

  pause() {
    this.playing = false;
  }

  // The strips of all runs below each other, enlarged and with labels, as a PNG file.
  save(describe) {
    const [height, width] = this.rows[0].run.shape;
    const factor = Math.max(1, Math.round(112 / height));
    const [wide, high] = [width * STRIP_IMAGES * factor, height * factor];
    const sheet = makeCanvas(wide, (high + LABEL_HEIGHT) * this.rows.length);
    const context = sheet.getContext("2d");
    context.imageSmoothingEnabled = false;
    context.fillStyle = "#fff";
    context.fillRect(0, 0, sheet.width, sheet.height);
    this.rows.forEach(({ run, strip }, row) => {
      const top = row * (high + LABEL_HEIGHT);
      const [start, end] = this.ends.map((points) => describe(run, run.project(points[row])));
      context.fillStyle = "#000";
      context.textBaseline = "middle";
      const write = (text, x, align, weight) => {
        context.font = `${weight} 15px system-ui, sans-serif`;
        context.textAlign = align;
        context.fillText(text, x, top + LABEL_HEIGHT / 2, wide / 3);
      };
      write(start, 4, "left", "");
      write(run.title, wide / 2, "center", "bold");
      write(end, wide - 4, "right", "");
      context.drawImage(strip, 0, top + LABEL_HEIGHT, wide, high);
    });
    sheet.toBlob((blob) => {
      const link = make("a", { href: URL.createObjectURL(blob), download: "latent-path.png" });
      link.click();
      URL.revokeObjectURL(link.href);
    });
  }
}

function drawStrip({ run, frames, strip }) {
  const [height, width] = run.shape;
  const image = makeCanvas(width, height);
  strip.width = width * STRIP_IMAGES;
  strip.height = height;
  for (let i = 0; i < STRIP_IMAGES; i++) {
    paint(image, frames[(i * (FRAMES - 1)) / (STRIP_IMAGES - 1)], run.shape);
    strip.getContext("2d").drawImage(image, i * width, 0);
  }
}
