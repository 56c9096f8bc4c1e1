"use strict";
// The speed of the networks on this machine.

// A text with the times of the networks of all runs.
function measureTime() {
  const times = panels.map(({ run, point }) => {
    const image = new Float32Array(run.shape.reduce((a, b) => a * b));
    const median = (compute) => {
      const each = Array.from({ length: 20 }, () => {
        const before = performance.now();
        compute();
        return performance.now() - before;
      });
      return `${each.sort((a, b) => a - b)[10].toFixed(1)} ms`;
    };
    const encoding = run.encode ? `, encoding ${median(() => run.encode(image))}` : "";
    return `${run.title}: decoding ${median(() => run.decode(point))}${encoding}`;
  });
  return `${times.join("; ")} per image (median of 20).`;
}
