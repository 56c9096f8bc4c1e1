"use strict";
// The visible part of a plane: a square that can be moved and zoomed.

const MOST_ZOOM = 400;
const LEAST_ZOOM = 0.5;

class View {
  // `x` and `y` are the smallest and the largest values of the initial square.
  constructor({ x, y }) {
    this.home = { center: [mean(x), mean(y)], half: (x[1] - x[0]) / 2 };
    this.reset();
  }

  get zoom() {
    return this.home.half / this.half;
  }

  get x() {
    return [this.center[0] - this.half, this.center[0] + this.half];
  }

  get y() {
    return [this.center[1] - this.half, this.center[1] + this.half];
  }

  // Shows the square around a place; returns whether that changed anything.
  show(center, half) {
    const { home } = this;
    const before = [this.center, this.half];
    this.half = Math.min(Math.max(half, home.half / MOST_ZOOM), home.half / LEAST_ZOOM);
    this.center = center.map((value, axis) => {
      const reach = home.half / LEAST_ZOOM;
      return Math.min(Math.max(value, home.center[axis] - reach), home.center[axis] + reach);
    });
    return String(before) !== String([this.center, this.half]);
  }

  reset() {
    return this.show(this.home.center, this.home.half);
  }

  // Zooms around a fixed place.
  zoomAt(place, factor) {
    const half = Math.min(Math.max(this.half / factor, this.home.half / MOST_ZOOM), this.home.half / LEAST_ZOOM);
    const share = half / this.half;
    return this.show(this.center.map((value, axis) => place[axis] + share * (value - place[axis])), half);
  }

  move(distance) {
    return this.show(this.center.map((value, axis) => value + distance[axis]), this.half);
  }

  // Moves as little as possible to make a place visible.
  follow(place) {
    const inside = 0.95 * this.half;
    return this.show(
      this.center.map((value, axis) => Math.min(Math.max(value, place[axis] - inside), place[axis] + inside)),
      this.half,
    );
  }

  // The position of a place from the top left corner, as shares of the side.
  toScreen([x, y]) {
    const side = 2 * this.half;
    return [(x - this.x[0]) / side, (this.y[1] - y) / side];
  }

  fromScreen([right, down]) {
    const side = 2 * this.half;
    return [this.x[0] + right * side, this.y[1] - down * side];
  }
}
