"use strict";
// The marks on a plane: the pointer, the image and its posterior, draws from it, and the path.

// Their reach in pixels of the page.
const CROSS = 13;
const RING = 7;
const DIAMOND = 8;
const END = 7;

// `pointer`, `image`, `drawing` and `moving` are places or missing, `path` and `draws` are lists of
// places, with the newest draw first; `posterior` is { place, covariance }.
function drawMarks(plane, brush, { pointer, image, drawing, posterior, draws, path, moving }) {
  const at = (place) => plane.pixel(place);
  if (posterior) drawPosterior(plane, brush, posterior);
  const around = (place, reach) => boxAround(at(place), reach * brush.ratio);
  const single = [[pointer, CROSS], [image, RING], [drawing, DIAMOND]].filter(([place]) => place);
  if (path?.length) {
    brush.outline(2, () => path.forEach((place) => brush.context.lineTo(...at(place))));
    path.forEach((place) => brush.disc(at(place), END));
  }
  // After the posterior and the path, which would cover them.
  plane.writeNames(brush, [...single, ...(path ?? []).map((place) => [place, END])].map((mark) => around(...mark)));
  if (moving) brush.disc(at(moving), 5);
  if (drawing) drawDiamond(brush, at(drawing), plane);
  if (image) brush.outline(2, () => brush.context.arc(...at(image), RING * brush.ratio, 0, 2 * Math.PI));
  (draws ?? []).forEach((place, age) => brush.disc(at(place), age ? 2 : 4, age ? brush.colors.faint : brush.colors.text));
  // If the pointer is at the point of the image, the ring marks both, and no cross is drawn.
  if (pointer && !(image && distance(at(pointer), at(image)) < brush.ratio)) drawCross(brush, at(pointer));
}

// Ellipses at one and two standard deviations.
function drawPosterior(plane, brush, { place, covariance }) {
  const { context, colors } = brush;
  const { long, short, angle } = ellipseOf(covariance);
  const [x, y] = plane.pixel(place);
  const unit = plane.pixel([1, 0])[0] - plane.pixel([0, 0])[0];
  for (const deviations of [2, 1]) {
    // The canvas has y downwards.
    const shape = () => context.ellipse(x, y, deviations * long * unit, deviations * short * unit, -angle, 0, 2 * Math.PI);
    context.globalAlpha = 0.25;
    context.fillStyle = colors.accent;
    context.beginPath();
    shape();
    context.fill();
    context.globalAlpha = 1;
    brush.outline(deviations === 1 ? 2 : 1.2, shape, colors.accent);
  }
}

function drawCross(brush, [x, y]) {
  const { context, ratio } = brush;
  const [inner, outer] = [4 * ratio, CROSS * ratio];
  brush.outline(2, () => {
    for (const [dx, dy] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) {
      context.moveTo(x + inner * dx, y + inner * dy);
      context.lineTo(x + outer * dx, y + outer * dy);
    }
  });
}

function drawDiamond(brush, [x, y], plane) {
  const { context, ratio, colors } = brush;
  const reach = DIAMOND * ratio;
  context.beginPath();
  for (const [dx, dy] of [[0, -reach], [reach, 0], [0, reach], [-reach, 0]]) context.lineTo(x + dx, y + dy);
  context.closePath();
  brush.fill(colors.text);
  brush.setFont(13, "bold");
  const name = { anchor: [x, y - 19 * ratio], width: 68 * ratio, height: 20 * ratio };
  const taken = [boxAround([x, y], reach), ...plane.written.map(({ box }) => box)];
  const [box] = placeNames([name], plane.background.width, taken);
  if (box) brush.write("drawing", [box.x, box.y]);
}
