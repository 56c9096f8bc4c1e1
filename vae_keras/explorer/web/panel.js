"use strict";
// The panel of one run: its plane, the decoded image, and the computation for one image.

class Panel {
  // `actions` are called with the panel and their arguments.
  constructor(run, actions) {
    this.run = run;
    this.point = run.lift([mean(contents.limits.x), mean(contents.limits.y)]);
    this.draws = []; // places of z, the newest first
    this.section = element("run").content.firstElementChild.cloneNode(true);
    element("runs").append(this.section);
    this.part("title").textContent = run.title;
    for (const [title, value] of run.losses) {
      const [dt, dd] = [make("dt", { textContent: title }), make("dd", { textContent: value })];
      this.part("losses").append(make("div", {}, dt, dd));
    }
    this.part("note").textContent = describeNetworks(run);
    this.part("note").hidden = !this.part("note").textContent;
    this.makePlane(actions);
    this.computation = new Computation(this.part("computation"), run);
    this.sliders = new Sliders(this.part("sliders"), run, {
      onInput: (dimension, value) => {
        const point = this.point.slice();
        point[dimension] = value;
        actions.movePoint(this, point);
      },
      onReset: () => actions.movePoint(this, run.lift(this.place)),
    });
  }

  part(name) {
    return this.section.querySelector(`.${name}`);
  }

  get place() {
    return this.run.project(this.point);
  }

  set place(place) {
    this.point = this.run.withPlace(this.point, place);
  }

  makePlane(actions) {
    const { run } = this;
    const canvas = this.part("plane");
    canvas.setAttribute("aria-label", `Latent plane of ${run.title}: ${run.axes.join(" across, ")} up`);
    const decode = (place) => run.decode(run.withPlace(this.point, place));
    this.manifold = new Manifold(run.shape, decode, () => this.plane.redraw());
    this.plane = new Plane(canvas, {
      view: new View(contents.limits),
      axes: run.axes,
      places: run.places,
      labels,
      classes: contents.classes,
      isShown: (index) => !legend.hidden.has(labels[index]),
      layers: state.layers,
      hasPrior: run.hasPrior,
      manifold: this.manifold,
    });
    listenToGestures(this.plane, {
      onMove: (place) => actions.moveTo(this, place),
      onTap: () => actions.markEnd(),
      onView: () => actions.showView(this),
    });
    listenToKeys(this, actions);
    for (const [name, action] of Object.entries({
      "zoom-in": () => this.zoom(2),
      "zoom-out": () => this.zoom(1 / 2),
      "zoom-reset": () => this.plane.view.reset(),
      "zoom-posterior": () => this.zoomToPosterior(),
    })) {
      this.part(name).addEventListener("click", () => {
        action();
        actions.showView(this);
      });
    }
    this.part("zoom-posterior").hidden = !run.hasPrior;
  }

  zoom(factor) {
    this.plane.view.zoomAt(this.place, factor);
  }

  // Zooms to the image's posterior with a margin.
  zoomToPosterior() {
    const { posterior, run } = this;
    if (!posterior?.covariance) return;
    this.plane.view.show(run.project(posterior.mean), 5 * ellipseOf(posterior.covariance).long);
  }

  // Shows the image decoded at the point.
  showPoint() {
    const { run } = this;
    paint(this.part("decoded"), run.decode(this.point), run.shape);
    const where = describePlace(run, this.place);
    this.part("decoded").setAttribute("aria-label", `Decoded at ${where}`);
    this.part("place").textContent = where;
    this.sliders.show(this.point);
  }

  // Shows the computation for an image, a `subject` with `key`, `image` and `title`, or null.
  showImage(subject, posterior, noise) {
    const isOther = this.shownKey !== subject?.key;
    if (!isOther && this.shownNoise === noise) return;
    this.shownKey = subject?.key;
    this.shownNoise = noise;
    if (isOther) this.draws = [];
    this.result = this.computation.show({ ...subject, posterior: subject && posterior, noise });
    this.posterior = this.result && posterior;
    if (this.posterior?.covariance) this.draws = [this.run.project(this.result.z), ...this.draws].slice(0, MOST_DRAWS);
  }

  updateManifold() {
    const { run, point } = this;
    const off = run.size === 2 ? "" : run.withPlace(point, [0, 0]).map((value) => Math.round(1000 * value));
    this.manifold.update(this.plane.view, off);
  }

  showMarks(isDrawn, path) {
    const { posterior, run } = this;
    const place = posterior && run.project(posterior.mean);
    this.plane.draw({
      pointer: this.place,
      image: isDrawn ? null : place,
      drawing: this.drawing && run.project(this.drawing.mean),
      posterior: state.layers.posterior && posterior?.covariance && { place, covariance: posterior.covariance },
      draws: state.layers.posterior ? this.draws : [],
      ...path,
    });
  }
}

const MOST_DRAWS = 12; // draws that stay on the plane

function describeNetworks({ encoder, atlas }) {
  const notes = [];
  if (!encoder) notes.push("The encoder is too large for this page, so drawings cannot be encoded.");
  if (atlas) {
    notes.push(
      "The decoder is too large for this page: images are interpolated between " +
        `${atlas.side} × ${atlas.side} images decoded on the plane.`,
    );
  }
  return notes.join(" ");
}

function describePlace(run, place) {
  return place.map((value, i) => `${run.coordinates[i]}\u00a0${format(value)}`).join(", ");
}
