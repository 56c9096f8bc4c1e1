"use strict";
// Numbers as text, and elements.

function format(value, digits = 2) {
  return value.toFixed(digits).replace("-", "−");
}

function subscript(number) {
  return [...String(number)].map((digit) => "₀₁₂₃₄₅₆₇₈₉"[digit]).join("");
}

function mean(values) {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

// An element with some properties and children.
function make(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

// A canvas with an empty caption.
function makeFigure(className, label) {
  const canvas = make("canvas", { className });
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", label);
  const caption = make("figcaption");
  return { figure: make("figure", {}, canvas, caption), canvas, caption };
}
