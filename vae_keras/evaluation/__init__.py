"""Evaluation of trained models: `evaluate` on arrays, `evaluate_run` on a run."""

from vae_keras.evaluation.evaluation import evaluate, evaluate_run, samples_of
from vae_keras.evaluation.judge import Judge, frechet_distance, judge_samples
from vae_keras.evaluation.latent import (
    active_units,
    box_draws,
    find_gaps,
    geometry,
    kl_per_dimension,
    label_accuracy,
    log_aggregate_posterior,
    neighbor_agreement,
    split_kl,
)
from vae_keras.evaluation.likelihood import (
    bits_per_dimension,
    importance_weighted_bounds,
    losses_over_draws,
    losses_through_the_mean,
)
from vae_keras.evaluation.quadrature import Quadrature, integrate_likelihood

__all__ = [
    "Judge",
    "Quadrature",
    "active_units",
    "bits_per_dimension",
    "box_draws",
    "evaluate",
    "evaluate_run",
    "find_gaps",
    "frechet_distance",
    "geometry",
    "importance_weighted_bounds",
    "integrate_likelihood",
    "judge_samples",
    "kl_per_dimension",
    "label_accuracy",
    "log_aggregate_posterior",
    "losses_over_draws",
    "losses_through_the_mean",
    "neighbor_agreement",
    "samples_of",
    "split_kl",
]
