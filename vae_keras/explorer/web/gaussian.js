"use strict";
// Gaussians: random numbers, divergences and ellipses. Covariances of two numbers are
// [variance of the first, covariance, variance of the second].

// Independent draws from N(0, 1), by the Box–Muller transform.
function drawNormals(count) {
  return Float32Array.from(
    { length: count },
    () => Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random()),
  );
}

// The KL divergence of N(mean, exp(logVar)) from N(0, 1) along each dimension, in nats.
function klPerDimension(mean, logVar) {
  return Array.from(mean, (value, i) => 0.5 * (value ** 2 + Math.exp(logVar[i]) - 1 - logVar[i]));
}

// The covariance of a Gaussian with independent dimensions along two directions.
function projectVariances([first, second], logVar) {
  const sum = (a, b) => logVar.reduce((total, value, i) => total + a[i] * b[i] * Math.exp(value), 0);
  return [sum(first, first), sum(first, second), sum(second, second)];
}

// Half the axes of the ellipse at one standard deviation, the longer one first, and its angle.
function ellipseOf([xx, xy, yy]) {
  const middle = (xx + yy) / 2;
  const reach = Math.hypot((xx - yy) / 2, xy);
  const [long, short] = [middle + reach, middle - reach].map((value) => Math.sqrt(Math.max(value, 0)));
  return { long, short, angle: 0.5 * Math.atan2(2 * xy, xx - yy) };
}

// Two independent draws from N(0, 1) as one from N(0, covariance): its Cholesky factor times them.
function correlate([xx, xy, yy], [first, second]) {
  const scale = Math.sqrt(xx);
  const shared = scale ? xy / scale : 0;
  return [scale * first, shared * first + Math.sqrt(Math.max(yy - shared ** 2, 0)) * second];
}
