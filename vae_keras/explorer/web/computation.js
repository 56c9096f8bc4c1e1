"use strict";
// The computation of a model for one image: image → μ, log σ² → ε → z → image, and the loss.

const MOST_ROWS = 5; // dimensions in the table

class Computation {
  constructor(section, run) {
    Object.assign(this, { section, run });
    section.setAttribute("aria-label", `Computation of ${run.title} for the image`);
    this.original = makeFigure("original", "");
    this.sampled = makeFigure("sampled", "Decoded from z");
    this.rebuilt = makeFigure("rebuilt", "Decoded from the mean");
    this.change = makeFigure("change", "Difference of the two images");
    this.table = make("table", { className: "numbers" });
    this.sum = make("dl", { className: "sum" });
    this.note = make("p", { className: "hint" });
    this.change.figure.title =
      "The absolute difference of the two decoded images, scaled to its largest value, which is written below.";
    const figures = [this.sampled.figure, this.rebuilt.figure, this.change.figure];
    const decoded = make("div", { className: "decoded-images" }, ...figures);
    section.append(
      make("div", { className: "steps" }, this.original.figure, this.table, decoded),
      this.sum,
      this.note,
    );
    const isAtlas = Boolean(run.atlas);
    this.columns = [
      [run.hasPrior ? "μ" : "z", ({ posterior }, i) => posterior.mean[i]],
      ["log σ²", ({ posterior }, i) => posterior.logVar?.[i]],
      ["ε", ({ posterior, noise }, i) => (posterior.covariance && !isAtlas ? noise[i] : undefined)],
      ["z", ({ posterior, z }, i) => (posterior.covariance ? z[i] : undefined)],
      ["KL", ({ posterior }, i) => posterior.parts?.[i]],
    ];
  }

  // Shows an `image` with its `title` and `posterior`, the `noise` ε and the results. A missing
  // posterior hides everything.
  show({ image, title, posterior, noise }) {
    const { run } = this;
    this.section.hidden = !posterior;
    if (!posterior) return null;
    const z = run.sample(posterior, noise);
    const sampled = run.decode(z).slice();
    const rebuilt = run.decode(posterior.mean).slice();
    paint(this.original.canvas, image, run.shape);
    this.original.canvas.setAttribute("aria-label", title);
    this.original.caption.textContent = title.replace(", ", "\n");
    paint(this.sampled.canvas, sampled, run.shape);
    paint(this.rebuilt.canvas, rebuilt, run.shape);
    const difference = differenceOf(sampled, rebuilt);
    paint(this.change.canvas, difference.image, run.shape);
    const isRandom = Boolean(posterior.covariance);
    this.rebuilt.figure.hidden = this.change.figure.hidden = !isRandom;
    this.sampled.caption.textContent = run.hasPrior && isRandom ? "x̂ from z" : "x̂";
    this.rebuilt.caption.textContent = "x̂ from μ";
    this.change.caption.textContent = `difference\n≤ ${format(difference.largest)}`;
    this.showNumbers({ posterior, noise, z });
    return { z, largest: difference.largest, loss: this.showLoss(image, sampled, posterior) };
  }

  showNumbers(values) {
    const { run } = this;
    const columns = this.columns.filter(([, value]) => value(values, 0) !== undefined);
    const names = run.atlas ? run.coordinates : [...Array(run.size).keys()].map((i) => `z${subscript(i + 1)}`);
    const order = run.atlas ? [0, 1] : run.dimensions.map(({ dimension }) => dimension);
    const shown = run.size === 2 ? [0, 1] : order.slice(0, MOST_ROWS);
    const cell = (tag, textContent, scope) => make(tag, { textContent, ...(scope && { scope }) });
    const head = make("tr", {}, make("td"), ...columns.map(([name]) => cell("th", name, "col")));
    const rows = shown.map((i) =>
      make("tr", {}, cell("th", names[i], "row"), ...columns.map(([, value]) => cell("td", format(value(values, i))))),
    );
    const rest = order.length - shown.length;
    const more = rest > 0 ? [make("caption", { textContent: `and ${rest} dimensions with less ${run.hasPrior ? "KL" : "variance"}` })] : [];
    this.table.replaceChildren(...more, make("thead", {}, head), make("tbody", {}, ...rows));
  }

  // Shows the sum of the loss; returns it.
  showLoss(image, sampled, { kl, covariance }) {
    const { run } = this;
    const notes = [];
    let [rows, loss] = [[], null];
    if (run.atlas) {
      if (kl !== null) rows = [["KL", format(kl), "nats in all dimensions"]];
      notes.push("The page shows no reconstruction error, because it interpolates the decoded images.");
    } else if (run.hasPrior === Boolean(covariance)) {
      loss = lossOf(run.loss, image, sampled, kl);
      rows = describeLoss(run.loss, loss);
      if (run.shape[2] > 1) notes.push("Color test images are compressed in this page, which changes the error slightly.");
    }
    this.sum.replaceChildren(
      ...rows.map(([name, value, how]) =>
        make(
          "div",
          { className: name === "loss" ? "total" : "" },
          make("dt", { textContent: name }),
          make("dd", {}, make("b", { textContent: value }), ` ${how}`),
        ),
      ),
    );
    this.note.textContent = notes.join(" ");
    this.note.hidden = !notes.length;
    return loss;
  }
}
