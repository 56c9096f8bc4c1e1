"use strict";
// The loss of one image, as in the model.

const SMALLEST_PROBABILITY = 1e-7; // Keras's smallest distance of probabilities from 0 and 1

// Mean error over pixels and channels.
const ERRORS = {
  mse: (image, rebuilt) => mean(image.map((value, i) => (value - rebuilt[i]) ** 2)),
  bce: (image, rebuilt) =>
    mean(
      image.map((value, i) => {
        const p = Math.min(Math.max(rebuilt[i], SMALLEST_PROBABILITY), 1 - SMALLEST_PROBABILITY);
        return -(value * Math.log(p) + (1 - value) * Math.log(1 - p));
      }),
    ),
};

// The terms of the loss and their sum. `loss` comes from vae_keras/explorer/contents.py, and `kl` is
// in nats, null without a prior. `elbo`, in nats, is for this one z.
function lossOf(loss, image, rebuilt, kl) {
  const error = ERRORS[loss.reconstruction](Float64Array.from(image), rebuilt);
  const logLikelihood =
    loss.variance === null
      ? -image.length * error
      : -0.5 * image.length * (error / loss.variance + Math.log(2 * Math.PI * loss.variance));
  const reconstruction = loss.weight === null ? -logLikelihood : loss.weight * error;
  const total = reconstruction + (kl === null ? 0 : loss.klWeight * kl);
  return { error, reconstruction, kl, total, elbo: kl === null ? null : logLikelihood - kl };
}

// The sum as text: a list of [name, value, explanation].
function describeLoss(loss, { error, reconstruction, kl, total, elbo }) {
  const kind = { mse: "mean squared error", bce: "mean binary cross-entropy" }[loss.reconstruction];
  const likelihood = { mse: "Gaussian", bce: "Bernoulli" }[loss.reconstruction];
  const how =
    loss.weight === null
      ? `nats, −log p(x|z) with decoder variance s² = ${loss.variance.toPrecision(3)} and ${kind} ${error.toPrecision(3)}`
      : `= ${loss.weight} × ${kind} ${error.toPrecision(3)}`;
  const rows = [["reconstruction", format(reconstruction), how]];
  if (kl !== null) {
    const weighted = loss.klWeight === 1 ? "" : `, times ${loss.klWeight} = ${format(loss.klWeight * kl)}`;
    rows.push(["KL", format(kl), `nats${weighted}`]);
  }
  const missing = loss.others.length ? `without ${loss.others.join(", ")}` : "";
  rows.push(["loss", format(total), [kl === null ? "" : "their sum", missing].filter(Boolean).join(", ")]);
  if (elbo !== null) rows.push(["ELBO of this z", format(elbo), `nats, ${likelihood} log p(x|z) − KL`]);
  return rows;
}
