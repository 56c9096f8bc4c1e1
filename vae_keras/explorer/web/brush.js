"use strict";
// Draws on a canvas in pixels of the page, in the colors of the page.

class Brush {
  constructor(context, colors) {
    Object.assign(this, { context, colors, ratio: devicePixelRatio });
  }

  // Strokes a shape twice, so that it is visible on any background.
  outline(width, shape, color = this.colors.text) {
    const { context } = this;
    for (const [style, extra] of [[this.colors.card, 2.5], [color, 0]]) {
      context.strokeStyle = style;
      context.lineWidth = (width + extra) * this.ratio;
      context.beginPath();
      shape();
      context.stroke();
    }
  }

  disc([x, y], radius, color = this.colors.accent) {
    const { context } = this;
    context.beginPath();
    context.arc(x, y, radius * this.ratio, 0, 2 * Math.PI);
    this.fill(color);
  }

  // Fills the current shape, with an outline.
  fill(color) {
    const { context } = this;
    context.fillStyle = color;
    context.fill();
    context.lineWidth = 2 * this.ratio;
    context.strokeStyle = this.colors.card;
    context.stroke();
  }

  setFont(size, weight = "") {
    this.context.font = `${weight} ${size * this.ratio}px system-ui, sans-serif`;
  }

  // Writes with the current font, on a halo.
  write(text, [x, y], { align = "center", baseline = "middle", color = this.colors.text } = {}) {
    const { context } = this;
    context.textAlign = align;
    context.textBaseline = baseline;
    context.lineJoin = "round";
    context.lineWidth = 4 * this.ratio;
    context.strokeStyle = this.colors.card;
    context.strokeText(text, x, y);
    context.fillStyle = color;
    context.fillText(text, x, y);
  }
}
