"use strict";
// Builds the page and stores its state, such as the pointer and the current image.

const contents = JSON.parse(document.getElementById("contents").textContent);
const element = (id) => document.getElementById(id);
const labels = decodeArray(contents.images.labels);
const state = {
  panel: null, // whose plane the pointer or the keys moved over last
  nearest: -1, // the test image nearest to the pointer
  subject: "pointer", // the current image: the nearest one, "chosen" or "drawn"
  chosen: 0,
  drawing: null, // the image of the drawing, and its number
  noise: null, // ε, shared by all runs
  link: "image", // runs share the nearest "image" or the "coordinates"
  layers: { images: true, prior: true, posterior: true, manifold: false },
};
let panels, sheet, path, legend;

start();

async function start() {
  sheet = await Sheet.load(contents.images.sheet, contents.imageShape);
  const { runs, images } = contents;
  const loaded = await Promise.all(runs.map((run, i) => TrainedRun.load(run, images.encoded[i], contents)));
  state.noise = drawNormals(Math.max(...loaded.map(({ size }) => size)));
  legend = new Legend(element("legend"), contents.classes, redraw);
  panels = loaded.map((run) => new Panel(run, actions));
  state.panel = panels[0];
  element("main").classList.toggle("single", panels.length === 1);
  element("summary").textContent =
    `${contents.data}: ${labels.length.toLocaleString("en")} test images, each at its latent point. ` +
    "Move the pointer over the plane to decode the point under it.";
  makeControls(actions);
  makePath(panels);
  makeSketch((image) => {
    const isNew = image || state.drawing;
    state.drawing = image && { image, number: (state.drawing?.number ?? 0) + 1 };
    if (isNew) setSubject(image ? "drawn" : "pointer");
  });
  element("time").addEventListener("click", () => (element("times").textContent = measureTime()));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  moveTo(panels[0], panels[0].place);
  requestAnimationFrame(() => element("main").setAttribute("aria-busy", "false"));
}

// The actions of pointers, keys and controls.
const actions = {
  moveTo,
  movePoint,
  stepTo,
  choose,
  stepImage,
  toggleChosen,
  setSubject,
  sampleAgain,
  samplePrior,
  setLayer,
  toggleManifold: () => setLayer("manifold", !state.layers.manifold),
  setLink,
  toggleLink: () => setLink(state.link === "image" ? "coordinates" : "image"),
  showView,
  markEnd,
  clearPath,
  togglePath,
};

// The nearest test image is the one nearest to the pointer on its plane; the other planes show the
// latent points of the same image.
function moveTo(panel, place) {
  panel.place = place;
  follow(panel);
}

function movePoint(panel, point) {
  panel.point = point;
  follow(panel);
}

// Moves the pointers of the other runs to the same image or to the same coordinates.
function follow(panel) {
  state.panel = panel;
  state.nearest = panel.plane.nearest(panel.place);
  for (const other of panels) {
    if (other === panel) continue;
    if (state.link === "coordinates") other.place = panel.place;
    else if (state.nearest >= 0) other.point = other.run.posterior(state.nearest).mean.slice();
  }
  update();
}

// Moves by keys: the view follows, and the place is announced.
function stepTo(panel, place) {
  moveTo(panel, place);
  if (panel.plane.view.follow(place)) showView(panel);
  const where = describePlace(panel.run, panel.place);
  announce(state.nearest < 0 ? where : `${where}; nearest test ${nameOf(state.nearest)}`);
}

// Chooses a test image and moves to its latent point in each run.
function choose(index) {
  state.chosen = index;
  for (const panel of panels) {
    panel.point = panel.run.posterior(index).mean.slice();
    if (panel.plane.view.follow(panel.place)) panel.isStale = true;
  }
  state.nearest = state.panel.plane.nearest(state.panel.place);
  setSubject("chosen");
}

// Chooses the next or the previous visible image.
function stepImage(step) {
  const count = labels.length;
  let index = state.subject === "chosen" ? state.chosen : state.nearest;
  for (let tries = 0; tries < count; tries++) {
    index = (index + step + count) % count;
    if (!legend.hidden.has(labels[index])) return choose(index);
  }
}

function toggleChosen() {
  if (state.subject === "chosen") setSubject("pointer");
  else if (state.nearest >= 0) choose(state.nearest);
}

function setSubject(subject) {
  state.subject = subject;
  const looked = subjectOf();
  if (looked) announce(`Current image: ${looked.title.replace(/^image\u00a0/, "")}`);
  update();
}

// The current image, or null.
function subjectOf() {
  if (state.subject === "drawn") {
    const { drawing } = state;
    return drawing && { key: `drawing ${drawing.number}`, title: "drawing", image: drawing.image };
  }
  const index = state.subject === "chosen" ? state.chosen : state.nearest;
  return index < 0 ? null : { key: index, index, title: nameOf(index) };
}

function nameOf(index) {
  const name = contents.classes[labels[index]]?.name;
  return `image\u00a0${(index + 1).toLocaleString("en")}${name === undefined ? "" : `, class ${name}`}`;
}

function sampleAgain() {
  state.noise = drawNormals(state.noise.length);
  update();
  requestAnimationFrame(() => announce(panels.map(describeSample).filter(Boolean).join("; ")));
}

function describeSample({ run, result }) {
  if (!result) return "";
  const loss = result.loss ? `, loss ${format(result.loss.total)}` : "";
  return `${run.title}: new z, ${describePlace(run, run.project(result.z))}${loss}`;
}

// The same z of N(0, I) in all runs that have this prior.
function samplePrior() {
  const z = drawNormals(state.noise.length);
  for (const panel of panels.filter(({ run }) => run.hasPrior)) {
    panel.point = z.slice(0, panel.run.size);
    if (panel.plane.view.follow(panel.place)) panel.isStale = true;
  }
  state.nearest = state.panel.plane.nearest(state.panel.place);
  announce(`Sample from the prior: ${describePlace(state.panel.run, state.panel.place)}`);
  update();
}

function setLayer(name, isOn) {
  state.layers[name] = isOn;
  redraw();
}

function setLink(link) {
  state.link = link;
  announce(`Runs are linked by ${link}`);
  if (link === "coordinates") showView(state.panel);
  follow(state.panel);
}

// After a change of a view, which runs share if they are linked by coordinates.
function showView(panel) {
  const { center, half } = panel.plane.view;
  panel.isStale = true;
  for (const other of state.link === "coordinates" ? panels : []) {
    other.plane.view.show(center, half);
    other.isStale = true;
  }
  update();
}

function redraw() {
  if (!panels) return;
  for (const panel of panels) panel.isStale = true;
  state.nearest = state.panel.plane.nearest(state.panel.place);
  update();
}

let isScheduled = false;

function update() {
  if (isScheduled) return;
  isScheduled = true;
  requestAnimationFrame(() => {
    isScheduled = false;
    const subject = subjectOf();
    if (subject?.index !== undefined) subject.image = sheet.read(subject.index);
    for (const panel of panels) {
      panel.showPoint();
      panel.showImage(subject, subject?.index === undefined ? panel.drawing : panel.run.posterior(subject.index), state.noise);
      if (state.layers.manifold) panel.updateManifold();
      if (panel.isStale) panel.plane.redraw();
      panel.isStale = false;
    }
    showControls();
    showMarks();
  });
}

function showMarks() {
  panels.forEach((panel, i) => panel.showMarks(state.subject === "drawn", path.marks(i)));
}

function announce(text) {
  element("announcement").textContent = text;
}
