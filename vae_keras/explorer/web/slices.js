"use strict";
// Long work in slices, between which the page stays responsive.

const SLICE = 12; // milliseconds of a frame

// Calls step(0), step(1), … and after each slice `onSlice`. Returns a function that stops it.
function runInSlices(count, step, onSlice) {
  let [next, stopped] = [0, false];
  const slice = () => {
    if (stopped) return;
    const end = performance.now() + SLICE;
    do step(next++);
    while (next < count && performance.now() < end);
    onSlice();
    if (next < count) requestAnimationFrame(slice);
  };
  requestAnimationFrame(slice);
  return () => (stopped = true);
}
