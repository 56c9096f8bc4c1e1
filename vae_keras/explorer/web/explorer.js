"use strict";
// Puts the page together: panels of the runs, legend, path and drawing.

const contents = JSON.parse(document.getElementById("contents").textContent);
const element = (id) => document.getElementById(id);
const { limits } = contents;
const labels = decodeArray(contents.images.labels);
const hidden = new Set(); // labels of classes that are not shown
const state = { place: [mean(limits.x), mean(limits.y)], nearest: -1 };
let panels, sheet, path;

start();

async function start() {
  sheet = await Sheet.load(contents.images.sheet, contents.imageShape);
  const { runs, images } = contents;
  const loaded = await Promise.all(runs.map((run, i) => TrainedRun.load(run, images.points[i], contents)));
  panels = loaded.map(makePanel);
  element("main").classList.toggle("single", panels.length === 1);
  makeSummary();
  makeLegend();
  makePath();
  makeDrawing();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    panels.forEach(({ plane }) => plane.redraw());
  });
  moveTo(panels[0], state.place);
  element("main").setAttribute("aria-busy", "false");
}

function makeSummary() {
  const count = labels.length.toLocaleString("en");
  element("summary").textContent =
    `${contents.data}: ${count} test images, each a point where the encoder puts it. Move the pointer ` +
    "over the plane, and the decoder paints what lies there.";
}

// The panel of one run.
function makePanel(run) {
  const section = element("run").content.firstElementChild.cloneNode(true);
  element("runs").append(section);
  const part = (name) => section.querySelector(`.${name}`);
  part("title").textContent = run.title;
  for (const [title, value] of run.losses) {
    const row = document.createElement("div");
    for (const [tag, text] of [["dt", title], ["dd", value]]) {
      row.append(Object.assign(document.createElement(tag), { textContent: text }));
    }
    part("losses").append(row);
  }
  const canvas = part("plane");
  canvas.setAttribute(
    "aria-label",
    `Latent plane of ${run.title}: ${run.axes.join(" across, ")} up. Arrow keys move, ` +
      "Enter marks an end of a path.",
  );
  const plane = new Plane(canvas, {
    limits,
    axes: run.axes,
    places: run.places,
    labels,
    classes: contents.classes,
    isShown: (index) => !hidden.has(labels[index]),
  });
  const panel = { run, plane, part, note: describeNetworks(run), times: [] };
  makeSliders(panel);
  listen(panel);
  return panel;
}

// Ends where the time that an image takes will follow.
function describeNetworks({ decoder, encoder, atlas }) {
  const decoding = decoder
    ? "The decoder runs in this page:"
    : "The decoder is too large for a page: images are interpolated between " +
      `${atlas.side} × ${atlas.side} that were decoded on the plane,`;
  return encoder ? decoding : `The encoder is too large for a page to place drawings. ${decoding}`;
}

function makeSliders(panel) {
  for (const { dimension, note } of panel.run.sliders) {
    const label = element("slider").content.firstElementChild.cloneNode(true);
    const [name, input, output] = label.children;
    name.textContent = `z${subscript(dimension + 1)} (${note}) +`;
    input.addEventListener("input", () => {
      panel.run.offsets[dimension] = input.value;
      output.textContent = format(Number(input.value));
      update();
    });
    panel.part("sliders").append(label);
  }
  if (!panel.run.sliders.length) return;
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = "All to 0";
  button.addEventListener("click", () => {
    for (const input of panel.part("sliders").querySelectorAll("input")) {
      input.value = 0;
      input.dispatchEvent(new Event("input"));
    }
  });
  panel.part("sliders").append(button);
}

// Pointer and keys on a plane.
function listen(panel) {
  const { canvas } = panel.plane;
  let pressed = null;
  canvas.addEventListener("pointermove", (event) => moveTo(panel, panel.plane.placeOf(event)));
  canvas.addEventListener("pointerdown", (event) => {
    pressed = [event.clientX, event.clientY];
    moveTo(panel, panel.plane.placeOf(event));
  });
  canvas.addEventListener("pointerup", (event) => {
    const still = pressed && Math.hypot(event.clientX - pressed[0], event.clientY - pressed[1]) < 6;
    pressed = null;
    if (still && event.button === 0) addToPath(panel.plane.placeOf(event));
  });
  canvas.addEventListener("keydown", (event) => {
    const step = (limits.x[1] - limits.x[0]) / (event.shiftKey ? 10 : 50);
    const [x, y] = state.place;
    const targets = {
      ArrowLeft: [x - step, y],
      ArrowRight: [x + step, y],
      ArrowUp: [x, y + step],
      ArrowDown: [x, y - step],
      Home: [mean(limits.x), mean(limits.y)],
    };
    if (targets[event.key]) {
      moveTo(panel, panel.plane.clamp(targets[event.key]));
      announce();
    } else if (event.key === "Enter") addToPath(state.place);
    else if (event.key === "Escape") clearPath();
    else return;
    event.preventDefault();
  });
}

// The nearest test image is the one nearest on the plane below the pointer; the others show
// where their encoders put the same image.
function moveTo(panel, place) {
  state.place = place;
  state.panel = panel;
  update();
}

let scheduled = false;

function update() {
  if (scheduled) return;
  scheduled = true;
  requestAnimationFrame(() => {
    scheduled = false;
    state.nearest = state.panel.plane.nearest(state.place);
    panels.forEach(showPlace);
    drawMarks();
  });
}

function showPlace(panel) {
  const { run, part, note, times } = panel;
  const before = performance.now();
  const image = run.decode(run.lift(state.place));
  times.push(performance.now() - before);
  if (times.length > 20) times.shift();
  paint(part("decoded"), image, run.shape);
  const where = describePlace(run, state.place);
  part("decoded").setAttribute("aria-label", `Decoded at ${where}`);
  const usual = [...times].sort((a, b) => a - b)[times.length >> 1];
  part("place").textContent = where;
  part("note").textContent = `${note} ${usual.toFixed(1)} ms an image.`;
  if (panel.nearest === state.nearest) return;
  panel.nearest = state.nearest;
  const shown = state.nearest >= 0;
  part("original").style.visibility = part("rebuilt").style.visibility = shown ? "" : "hidden";
  part("name").textContent = shown ? nameOf(state.nearest) : "no class is shown";
  if (!shown) return;
  sheet.show(part("original"), state.nearest);
  part("original").setAttribute("aria-label", `Nearest test image, ${nameOf(state.nearest)}`);
  paint(part("rebuilt"), run.decode(run.point(state.nearest)), run.shape);
  if (run.atlas) {
    part("rebuilt").setAttribute("aria-label", "Its place on the plane, decoded");
    part("rebuilt").nextElementSibling.textContent = "its place";
  }
}

function drawMarks() {
  for (const { run, plane, drawing } of panels) {
    plane.draw({
      pointer: state.place,
      nearest: run.places[state.nearest],
      path: path.ends.map(({ place }) => place),
      moving: path.placeNow,
      drawing,
    });
  }
}

function nameOf(index) {
  return contents.classes.length ? `original: ${contents.classes[labels[index]].name}` : "original";
}

function describePlace(run, place) {
  return place.map((value, i) => `${run.coordinates[i]}\u00a0${format(value)}`).join(", ");
}

function announce() {
  const nearest = state.panel.plane.nearest(state.place);
  const where = describePlace(state.panel.run, state.place);
  element("announcement").textContent =
    nearest < 0 ? where : `${where}; nearest test image, ${nameOf(nearest)}`;
}

function makeLegend() {
  contents.classes.forEach(({ name, light, dark }, label) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = name;
    button.style.setProperty("--light", light);
    button.style.setProperty("--dark", dark);
    button.setAttribute("aria-pressed", "true");
    button.addEventListener("click", () => {
      if (!hidden.delete(label)) hidden.add(label);
      button.setAttribute("aria-pressed", String(!hidden.has(label)));
      panels.forEach(({ plane }) => plane.redraw());
      update();
    });
    element("legend").append(button);
  });
}

function makePath() {
  const rows = panels.map(({ run }) => {
    const row = Object.assign(document.createElement("div"), { className: "path-row", hidden: true });
    const [moving, strip] = [
      makeFigure("moving", `Moving along the path in ${run.title}`),
      makeFigure("strip", `Images along the path in ${run.title}`),
    ];
    if (panels.length > 1) strip.caption.textContent = run.title;
    row.append(moving.figure, strip.figure);
    element("path-rows").append(row);
    return { run, moving: moving.canvas, strip: strip.canvas, row };
  });
  path = new Path(rows, drawMarks);
  element("path-play").addEventListener("click", () => {
    path.playing ? path.pause() : path.play();
    showPathButtons();
  });
  element("path-save").addEventListener("click", () => path.save());
  element("path-clear").addEventListener("click", clearPath);
}

function addToPath(place) {
  path.add(place);
  if (path.complete && !matchMedia("(prefers-reduced-motion: reduce)").matches) path.play();
  const number = path.ends.length === 1 ? "Start" : "End";
  element("announcement").textContent = `${number} of the path: ${describePlace(panels[0].run, place)}`;
  showPathButtons();
  drawMarks();
}

function clearPath() {
  path.clear();
  showPathButtons();
  drawMarks();
}

function showPathButtons() {
  path.rows.forEach(({ row }) => (row.hidden = !path.complete));
  element("path-play").disabled = element("path-save").disabled = !path.complete;
  element("path-clear").disabled = !path.ends.length;
  element("path-play").textContent = path.playing ? "Pause" : "Play";
}

function makeDrawing() {
  const figures = panels.filter(({ run }) => run.encode).map((panel) => {
    const { run } = panel;
    const made = makeFigure("drawing-rebuilt", `The drawing as ${run.title} rebuilds it`);
    element("drawing-results").append(made.figure);
    return { panel, run, ...made };
  });
  element("drawing").closest("section").hidden = !figures.length;
  const black = new Float32Array(contents.imageShape.reduce((a, b) => a * b));
  let waiting = false;
  const show = () => {
    waiting = false;
    const { strokes } = drawing;
    const image = strokes.length ? drawingToImage(strokes, contents.imageShape, contents.drawing) : null;
    element("drawing-clear").disabled = !image;
    paint(element("drawing-seen"), image ?? black, contents.imageShape);
    for (const { panel, run, canvas, caption } of figures) {
      const point = image && run.encode(image).slice();
      panel.drawing = point && run.project(point);
      paint(canvas, point ? run.decode(point) : black, run.shape);
      const title = figures.length > 1 ? run.title : "rebuilt";
      caption.textContent = point ? `${title}\n${describePlace(run, panel.drawing)}` : title;
    }
    drawMarks();
  };
  const drawing = new Drawing(element("drawing"), () => {
    if (!waiting) requestAnimationFrame(show);
    waiting = true;
  });
  element("drawing-clear").addEventListener("click", () => drawing.clear());
}

// A canvas with a caption to be filled.
function makeFigure(className, label) {
  const [figure, canvas, caption] = ["figure", "canvas", "figcaption"].map((tag) => document.createElement(tag));
  canvas.className = className;
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", label);
  figure.append(canvas, caption);
  return { figure, canvas, caption };
}

function format(value) {
  return value.toFixed(2).replace("-", "−");
}

function subscript(number) {
  return [...String(number)].map((digit) => "₀₁₂₃₄₅₆₇₈₉"[digit]).join("");
}
