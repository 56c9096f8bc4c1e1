"use strict";
// Images: flat arrays of values in [0, 1] with channels last, canvases, and sheets of many images.

// A canvas that is not shown.
function makeCanvas(width, height) {
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  canvas.getContext("2d", { willReadFrequently: true }); // it then stays in memory, not on a GPU
  return canvas;
}

// Shows an image on a canvas, which takes its size; the style enlarges it.
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

// Where two images differ: the absolute difference, as bright as it can be, and its largest value.
function differenceOf(image, other) {
  const difference = image.map((value, i) => Math.abs(value - other[i]));
  const largest = difference.reduce((most, value) => Math.max(most, value), 0);
  return { largest, image: difference.map((value) => (largest ? value / largest : 0)) };
}

// What a canvas shows, as an image; the mean of its colors where there is one channel.
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

// Images side by side in one picture, row by row.
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

  // Shows one of the images on a canvas, which takes its size.
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
