"use strict";
// A trained model: from places on the plane to latent points to images, and back.

class TrainedRun {
  constructor(description, points, sheet, contents) {
    Object.assign(this, description);
    this.shape = contents.imageShape;
    this.dimensions = this.directions[0].length;
    this.points = decodeArray(points);
    const count = this.points.length / this.dimensions;
    this.places = Array.from({ length: count }, (_, index) => this.project(this.point(index)));
    this.offsets = new Float32Array(this.dimensions); // what the sliders add
    this.decode = this.decoder
      ? makeNetwork(this.decoder)
      : interpolate(sheet, this.atlas.side, contents.limits);
    this.encode = this.encoder && makeNetwork(this.encoder);
  }

  static async load(description, points, contents) {
    const sheet = description.atlas && (await Sheet.load(description.atlas.sheet, contents.imageShape));
    return new TrainedRun(description, points, sheet, contents);
  }

  // Where the encoder put a test image.
  point(index) {
    return this.points.subarray(index * this.dimensions, (index + 1) * this.dimensions);
  }

  project(point) {
    return this.directions.map((direction) => direction.reduce((sum, value, i) => sum + value * point[i], 0));
  }

  lift([x, y]) {
    return this.offsets.map((offset, i) => offset + x * this.directions[0][i] + y * this.directions[1][i]);
  }
}

// In place of a decoder: the images of an atlas around a place, interpolated across and down.
function interpolate(sheet, side, limits) {
  const images = Array.from({ length: side * side }, (_, index) => sheet.read(index));
  const result = new Float32Array(images[0].length);
  const position = (value, [least, most]) => {
    const steps = Math.min(Math.max((value - least) / (most - least), 0), 1) * (side - 1);
    const first = Math.min(Math.floor(steps), side - 2);
    return [first, steps - first];
  };
  return ([x, y]) => {
    const [column, right] = position(x, limits.x);
    const [row, down] = position(-y, [-limits.y[1], -limits.y[0]]); // rows count from the top
    const first = row * side + column;
    const [a, b, c, d] = [first, first + 1, first + side, first + side + 1].map((index) => images[index]);
    for (let i = 0; i < result.length; i++) {
      const above = a[i] + right * (b[i] - a[i]);
      const below = c[i] + right * (d[i] - c[i]);
      result[i] = above + down * (below - above);
    }
    return result;
  };
}
