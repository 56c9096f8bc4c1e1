"use strict";
// The forward pass of a network that vae_keras/explorer/network.py described. Images are flat
// Float32Arrays with channels last, one image at a time.

// A function from the network's input to its output; the output is overwritten by the next call.
function makeNetwork(layers) {
  const steps = layers.map((layer) => LAYERS[layer.kind](layer));
  return (input) => steps.reduce((values, step) => step(values), input);
}

// A function from an image to the outputs of an encoder, by name.
function makeEncoder({ trunk, heads }) {
  const run = makeNetwork(trunk);
  const ends = Object.entries(heads).map(([name, layers]) => [name, makeNetwork(layers)]);
  return (image) => {
    const features = run(image);
    // A layer may work in place, so every head gets its own copy of the features.
    return Object.fromEntries(ends.map(([name, end]) => [name, end(features.slice()).slice()]));
  };
}

const LAYERS = {
  dense({ inputs, outputs, kernel, bias }) {
    const weights = decodeArray(kernel);
    const start = decodeArray(bias);
    const result = new Float32Array(outputs);
    return (values) => {
      result.set(start);
      addProduct(values, 0, inputs, weights, 0, result, 0, outputs);
      return result;
    };
  },

  convolution({ transposed, size, strides, input, output, kernel, bias }) {
    const weights = decodeArray(kernel);
    const start = decodeArray(bias);
    const result = new Float32Array(output[0] * output[1] * output[2]);
    const [inputs, outputs] = [input[2], output[2]];
    // A kernel connects one pixel of the coarse image with a window of the fine one. A convolution
    // reads the window, a transposed convolution writes it.
    const [coarse, fine] = transposed ? [input, output] : [output, input];
    const before = [0, 1].map((axis) => paddingBefore(coarse[axis], fine[axis], size[axis], strides[axis]));
    return (values) => {
      for (let to = 0; to < result.length; to += outputs) result.set(start, to);
      for (let y = 0; y < coarse[0]; y++) {
        for (let x = 0; x < coarse[1]; x++) {
          const pixel = y * coarse[1] + x;
          for (let row = 0; row < size[0]; row++) {
            const fineY = y * strides[0] + row - before[0];
            if (fineY < 0 || fineY >= fine[0]) continue;
            for (let column = 0; column < size[1]; column++) {
              const fineX = x * strides[1] + column - before[1];
              if (fineX < 0 || fineX >= fine[1]) continue;
              const finePixel = fineY * fine[1] + fineX;
              const from = (transposed ? pixel : finePixel) * inputs;
              const to = (transposed ? finePixel : pixel) * outputs;
              const at = (row * size[1] + column) * inputs * outputs;
              addProduct(values, from, inputs, weights, at, result, to, outputs);
            }
          }
        }
      }
      return result;
    };
  },

  scale({ factor, offset }) {
    const [factors, offsets] = [decodeArray(factor), decodeArray(offset)];
    const channels = factors.length;
    return (values) => {
      for (let i = 0; i < values.length; i += channels) {
        for (let c = 0; c < channels; c++) values[i + c] = values[i + c] * factors[c] + offsets[c];
      }
      return values;
    };
  },

  layer_normalization({ epsilon, factor, offset }) {
    const [factors, offsets] = [decodeArray(factor), decodeArray(offset)];
    const channels = factors.length;
    return (values) => {
      for (let i = 0; i < values.length; i += channels) {
        let mean = 0;
        for (let c = 0; c < channels; c++) mean += values[i + c] / channels;
        let variance = 0;
        for (let c = 0; c < channels; c++) variance += (values[i + c] - mean) ** 2 / channels;
        const scale = 1 / Math.sqrt(variance + epsilon);
        for (let c = 0; c < channels; c++) {
          values[i + c] = (values[i + c] - mean) * scale * factors[c] + offsets[c];
        }
      }
      return values;
    };
  },

  activation({ function: name, slope }) {
    const activate = name === "leaky_relu" ? (x) => (x < 0 ? slope * x : x) : ACTIVATIONS[name];
    return (values) => {
      for (let i = 0; i < values.length; i++) values[i] = activate(values[i]);
      return values;
    };
  },
};

const ACTIVATIONS = {
  elu: (x) => (x < 0 ? Math.expm1(x) : x),
  gelu: (x) => 0.5 * x * (1 + erf(x * Math.SQRT1_2)),
  gelu_tanh: (x) => 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3))),
  mish: (x) => x * Math.tanh(softplus(x)),
  relu: (x) => (x < 0 ? 0 : x),
  // Klambauer et al. 2017, https://arxiv.org/abs/1706.02515.
  selu: (x) => 1.0507009873554805 * (x < 0 ? 1.6732632423543772 * Math.expm1(x) : x),
  sigmoid,
  silu: (x) => x * sigmoid(x),
  softplus,
  tanh: Math.tanh,
};

function sigmoid(x) {
  return 1 / (1 + Math.exp(-x));
}

function softplus(x) {
  return Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
}

// Abramowitz & Stegun 1964, 7.1.26, with an error of at most 1.5e-7.
function erf(x) {
  const t = 1 / (1 + 0.3275911 * Math.abs(x));
  const series =
    t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
  return Math.sign(x) * (1 - series * Math.exp(-x * x));
}

// Rows that TensorFlow's "same" padding adds before an image of `fine` rows.
function paddingBefore(coarse, fine, size, stride) {
  return Math.max(0, (coarse - 1) * stride + size - fine) >> 1;
}

// sums[to + o] += Σ values[from + i] · kernel[at + i · outputs + o]. Nearly all time is spent here,
// so four inputs are added at once, which reads and writes each sum a quarter as often.
function addProduct(values, from, inputs, kernel, at, sums, to, outputs) {
  let i = 0;
  for (; i + 3 < inputs; i += 4) {
    const a = values[from + i];
    const b = values[from + i + 1];
    const c = values[from + i + 2];
    const d = values[from + i + 3];
    const first = at + i * outputs;
    const second = first + outputs;
    const third = second + outputs;
    const fourth = third + outputs;
    for (let o = 0; o < outputs; o++) {
      sums[to + o] +=
        a * kernel[first + o] + b * kernel[second + o] + c * kernel[third + o] + d * kernel[fourth + o];
    }
  }
  for (; i < inputs; i++) {
    const value = values[from + i];
    for (let o = 0; o < outputs; o++) sums[to + o] += value * kernel[at + i * outputs + o];
  }
}
