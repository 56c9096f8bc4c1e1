"use strict";
// Pointers and the wheel on a plane. A mouse hovers and drags. One finger taps and moves sideways,
// and scrolls the page up and down. Two fingers pinch and drag.

const STILL = 6; // pixels that a click may move

// `onMove` and `onTap` get a place, `onView` nothing.
function listenToGestures(plane, { onMove, onTap, onView }) {
  const { canvas, view } = plane;
  const pressed = new Map(); // position of each pressed pointer, in pixels of the window
  let [start, isClick] = [null, false];
  const changed = (change) => {
    if (change) onView();
    return change;
  };

  canvas.addEventListener("pointermove", (event) => {
    const before = pressed.get(event.pointerId);
    if (!before) return onMove(plane.placeOf(event));
    const now = [event.clientX, event.clientY];
    if (pressed.size === 2) {
      const [other] = [...pressed].filter(([id]) => id !== event.pointerId).map(([, at]) => at);
      changed(pinch(plane, [before, other], [now, other]));
    } else if (distance(start, now) >= STILL || !isClick) {
      isClick = false;
      if (event.pointerType === "mouse") changed(drag(plane, before, now));
      else onMove(plane.placeOf(event));
    }
    pressed.set(event.pointerId, now);
  });

  canvas.addEventListener("pointerdown", (event) => {
    pressed.set(event.pointerId, (start = [event.clientX, event.clientY]));
    canvas.setPointerCapture(event.pointerId);
    isClick = pressed.size === 1 && event.button === 0;
    if (isClick) onMove(plane.placeOf(event));
  });

  canvas.addEventListener("pointerup", (event) => {
    pressed.delete(event.pointerId);
    if (isClick && !pressed.size) onTap(plane.placeOf(event));
    isClick = false;
  });

  canvas.addEventListener("pointercancel", (event) => pressed.delete(event.pointerId));

  // The wheel scrolls the page only if the zoom is at its limit.
  canvas.addEventListener(
    "wheel",
    (event) => {
      const pixels = event.deltaY * [1, 16, 400][event.deltaMode];
      const factor = 2 ** (-pixels / (event.ctrlKey ? 60 : 300)); // a pinch on a touchpad has ctrlKey
      if (changed(view.zoomAt(plane.placeOf(event), factor))) event.preventDefault();
    },
    { passive: false },
  );

  // Two fingers are for the plane, not for the page.
  canvas.addEventListener("touchstart", (event) => event.touches.length > 1 && event.preventDefault(), {
    passive: false,
  });
}

function drag(plane, from, to) {
  const [before, now] = [from, to].map(([clientX, clientY]) => plane.placeOf({ clientX, clientY }));
  return plane.view.move(before.map((value, axis) => value - now[axis]));
}

function pinch(plane, from, to) {
  const middle = ([a, b]) => [(a[0] + b[0]) / 2, (a[1] + b[1]) / 2];
  const moved = drag(plane, middle(from), middle(to));
  const [clientX, clientY] = middle(to);
  const factor = distance(...to) / Math.max(distance(...from), 1);
  return plane.view.zoomAt(plane.placeOf({ clientX, clientY }), factor) || moved;
}

function distance(a, b) {
  return Math.hypot(a[0] - b[0], a[1] - b[1]);
}
