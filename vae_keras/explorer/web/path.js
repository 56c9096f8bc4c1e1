"use strict";
// The path between two places: images along it, played to and fro, and in a strip.

const FRAMES = 25;
const STRIP_IMAGES = 9; // every third frame
const SECONDS = 2;

class Path {
  // `rows` has for each run its `run`, and canvases for the moving image and the strip.
  constructor(rows, onFrame) {
    Object.assign(this, { rows, onFrame, ends: [], playing: false });
  }

  get complete() {
    return this.ends.length === 2;
  }

  get placeNow() {
    return this.complete ? this.places[this.frame] : null;
  }

  // Adds an end, with the latent point that it is in each run now; after two, a new path begins.
  add(place) {
    const end = { place, points: this.rows.map(({ run }) => run.lift(place)) };
    this.ends = this.complete ? [end] : [...this.ends, end];
    this.playing = false;
    if (this.complete) this.decode();
  }

  clear() {
    this.ends = [];
    this.playing = false;
  }

  decode() {
    const [start, end] = this.ends;
    const between = (from, to, frame) =>
      from.map((value, i) => value + (frame / (FRAMES - 1)) * (to[i] - value));
    const frames = [...Array(FRAMES).keys()];
    this.places = frames.map((frame) => between(start.place, end.place, frame));
    this.rows.forEach((row, i) => {
      const points = frames.map((frame) => between(start.points[i], end.points[i], frame));
      row.frames = points.map((point) => row.run.decode(point).slice());
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

  // The strips of all runs below each other, enlarged, as a PNG file.
  save() {
    const [height, width] = this.rows[0].run.shape;
    const factor = Math.max(1, Math.round(112 / height));
    const sheet = makeCanvas(width * STRIP_IMAGES * factor, height * this.rows.length * factor);
    const context = sheet.getContext("2d");
    context.imageSmoothingEnabled = false;
    this.rows.forEach(({ strip }, row) => {
      context.drawImage(strip, 0, row * height * factor, sheet.width, height * factor);
    });
    sheet.toBlob((blob) => {
      const link = document.createElement("a");
      link.href = URL.createObjectURL(blob);
      link.download = "latent-path.png";
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
