"use strict";
// Places for names on a plane, without overlap.

const DIRECTIONS = 16;

// Boxes for names, in order, each as near as possible to its anchor. `names` have `anchor`, `width`
// and `height`. `taken` are boxes to keep free, { x, y, width, height } around a center. A name
// without room gets no box.
function placeNames(names, side, taken) {
  const boxes = [...taken];
  return names.map(({ anchor, width, height }) => {
    const step = height / 2;
    for (let ring = 0; ring * step < side; ring++) {
      for (let turn = 0; turn < (ring ? DIRECTIONS : 1); turn++) {
        const angle = (2 * Math.PI * turn) / DIRECTIONS;
        const box = {
          x: anchor[0] + ring * step * Math.cos(angle),
          y: anchor[1] - ring * step * Math.sin(angle),
          width,
          height,
        };
        if (isInside(box, side) && !boxes.some((other) => overlap(box, other))) {
          boxes.push(box);
          return box;
        }
      }
    }
    return null;
  });
}

function boxAround([x, y], reach) {
  return { x, y, width: 2 * reach, height: 2 * reach };
}

function isInside({ x, y, width, height }, side) {
  return x >= width / 2 && x <= side - width / 2 && y >= height / 2 && y <= side - height / 2;
}

function overlap(a, b) {
  return Math.abs(a.x - b.x) < (a.width + b.width) / 2 && Math.abs(a.y - b.y) < (a.height + b.height) / 2;
}
