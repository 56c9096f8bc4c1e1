"use strict";
// A trained model: from places on the plane to latent points to images, and back.

class TrainedRun {
  constructor(description, encoded, sheet, contents) {
    Object.assign(this, description);
    this.shape = contents.imageShape;
    this.size = this.directions[0].length; // of a latent point
    this.arrays = Object.fromEntries(Object.entries(encoded).map(([name, array]) => [name, decodeArray(array)]));
    const count = this.arrays.mean.length / this.size;
    this.places = Array.from({ length: count }, (_, index) => this.project(this.row("mean", index)));
    this.decode = this.decoder
      ? makeNetwork(this.decoder)
      : interpolate(sheet, this.atlas.side, contents.limits);
    this.encode = this.encoder && makeEncoder(this.encoder);
    this.hasPrior = this.loss.klWeight !== null;
  }

  static async load(description, encoded, contents) {
    const sheet = description.atlas && (await Sheet.load(description.atlas.sheet, contents.imageShape));
    return new TrainedRun(description, encoded, sheet, contents);
  }

  // The row of a test image in an array.
  row(name, index) {
    const array = this.arrays[name];
    const size = array.length / (this.arrays.mean.length / this.size);
    return array.subarray(index * size, (index + 1) * size);
  }

  // The posterior of a test image.
  posterior(index) {
    const { logVar, covariance, kl } = this.arrays;
    if (covariance) {
      return { mean: this.row("mean", index), covariance: [...this.row("covariance", index)], kl: kl[index] };
    }
    return this.gaussian({ mean: this.row("mean", index), logVar: logVar && this.row("logVar", index) });
  }

  // The posterior of an image from the page's encoder; null without encoder.
  encodeImage(image) {
    return this.encode && this.gaussian(this.encode(image));
  }

  // `mean`, `logVar`, the `covariance` on the plane and the `kl` divergence from the prior, in total
  // and in `parts`, one for each dimension. Unknown values except `mean` are missing.
  gaussian({ mean, logVar }) {
    if (!logVar) return { mean, kl: null };
    const parts = klPerDimension(mean, logVar);
    const covariance = projectVariances(this.directions, logVar);
    return { mean, logVar, covariance, parts, kl: parts.reduce((sum, part) => sum + part, 0) };
  }

  // z = μ + σ·ε, or the mean without a known variance.
  sample({ mean, logVar, covariance }, noise) {
    if (logVar) return mean.map((value, i) => value + Math.exp(logVar[i] / 2) * noise[i]);
    if (!covariance) return mean.slice();
    const [x, y] = correlate(covariance, noise);
    return Float32Array.of(mean[0] + x, mean[1] + y);
  }

  project(point) {
    return this.directions.map((direction) => direction.reduce((sum, value, i) => sum + value * point[i], 0));
  }

  // A point moved along the plane to a place.
  withPlace(point, place) {
    const [first, second] = this.project(point).map((value, axis) => place[axis] - value);
    return point.map((value, i) => value + first * this.directions[0][i] + second * this.directions[1][i]);
  }

  // The point at a place of the plane itself.
  lift(place) {
    return this.withPlace(new Float32Array(this.size), place);
  }
}

// A substitute for a decoder: bilinear interpolation of the images of an atlas around a place.
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
