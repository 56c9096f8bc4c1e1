"use strict";
// Images as flat arrays of values in [0, 1] with channels last, as canvases, and in sheets.

// A canvas that is not shown.
function makeCanvas(width, height) {
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  canvas.getContext("2d", { willReadFrequently: true }); // keeps it in memory instead of on a GPU
  return canvas;
}

// Shows an image on a canvas of the same size, which the style enlarges.
function paint(canvas, values, [height, width, channels]) {
  if (canvas.width !== width || canvas.height !== height) {
    canvas.width = width;
    canvas.height = height;
  }
  const pixels = new ImageData(width, height);
  for (let i = 0; i < width * height; i++) {
    for (let c = 0; c < 3; c++) {
      pixels.data[4 * i + c] = Math.round(255 * values[i * channels + Math.min(c, channels - 1)]);
    }
    pixels.data[4 * i + 3] = 255;
  }
  canvas.getContext("2d").putImageData(pixels, 0, 0);
}

// The absolute difference of two images, scaled to full brightness, and its largest value.
function differenceOf(image, other) {
  const difference = image.map((value, i) => Math.abs(value - other[i]));
  const largest = difference.reduce((most, value) => Math.max(most, value), 0);
  return { largest, image: difference.map((value) => (largest ? value / largest : 0)) };
}

// The content of a canvas as an image; for one channel, the mean of its colors.
function readCanvas(canvas, channels) {
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  const values = new Float32Array((data.length / 4) * channels);
  for (let i = 0; i < data.length / 4; i++) {
    const colors = [data[4 * i], data[4 * i + 1], data[4 * i + 2]];
    if (channels === 1) values[i] = (colors[0] + colors[1] + colors[2]) / 765;
    else for (let c = 0; c < 3; c++) values[3 * i + c] = colors[c] / 255;
  }
  return values;
}

// Images joined into one, row by row.
class Sheet {
  constructor(picture, shape) {
    this.picture = picture;
    this.shape = shape;
    this.columns = picture.width / shape[1];
  }

  static async load(uri, shape) {
    const picture = new Image();
    picture.src = uri;
    await picture.decode();
    return new Sheet(picture, shape);
  }

  // Shows one of the images on a canvas of the same size.
  show(canvas, index) {
    const [height, width] = this.shape;
    const [x, y] = [(index % this.columns) * width, Math.floor(index / this.columns) * height];
    canvas.width = width;
    canvas.height = height;
    canvas.getContext("2d").drawImage(this.picture, x, y, width, height, 0, 0, width, height);
  }

  read(index) {
    const canvas = makeCanvas(1, 1);
    this.show(canvas, index);
    return readCanvas(canvas, this.shape[2]);
  }
}
