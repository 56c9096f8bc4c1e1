"use strict";
// Converts the arrays embedded in the page, { type: base64 }, to typed arrays.

function decodeArray(embedded) {
  const [type, text] = Object.entries(embedded)[0];
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  if (type === "uint16") return new Uint16Array(bytes.buffer);
  if (type === "float32") return new Float32Array(bytes.buffer);
  return Float32Array.from(new Uint16Array(bytes.buffer), (half) => HALF_FLOATS[half]);
}

// The value of each of the 65,536 float16 numbers: sign, five bits of exponent, ten of fraction.
const HALF_FLOATS = Float32Array.from({ length: 65536 }, (_, bits) => {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = (bits & 1023) / 1024;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  if (exponent === 0) return sign * fraction * 2 ** -14;
  return sign * (1 + fraction) * 2 ** (exponent - 15);
});
