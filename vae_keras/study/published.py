"""Published figures of the vae-gelu study: test loss on MNIST, one run each, no seed.

1000 × mean squared error + KL divergence, latent size 2, Adam 5e-4, batches of 32.
"""

from vae_keras.study.claims import CLAIMS, TEST

DATASET = "mnist"
# Runs here that differ by more than this from the published ones ask for an explanation.
NOTABLE = 0.6

# Read off the published curves, to about ±0.1.
_DIGITISED_EPOCHS = (10, 20, 30, 50, 100)
_DIGITISED = {
    "leaky_relu": [(47.08, 45.98, 45.67, 45.19, 44.71)],
    "gelu_encoder": [(46.33, 44.89, 44.66, 43.96, 43.61)],
    "gelu_decoder": [(46.29, 45.42, 44.83, 44.47, 43.89)],
    # Published twice, in two comparisons.
    "gelu": [(45.61, 44.35, 43.93, 43.55, 43.25), (45.54, 44.26, 43.94, 43.64, 43.68)],
    "gelu_dropout": [(47.73, 46.81, 46.05, 45.97, 45.19)],
    "gelu_batchnorm_after": [(45.27, 44.14, 43.78, 43.35, 43.42)],
    "gelu_layernorm_after": [(44.69, 43.56, 42.80, 42.70, 42.19)],
    "gelu_layernorm_before": [(44.56, 43.50, 43.23, 42.72, 42.69)],
}

# Dictionary of variants, of epochs, of one loss for each run.
TEST_LOSS = {
    variant: {epoch: losses for epoch, *losses in zip(_DIGITISED_EPOCHS, *runs)}
    for variant, runs in _DIGITISED.items()
}
# At the end, of 200 epochs, the median of epochs 153 to 200, read off as well.
LATE_EPOCH = 200
for _variant, _losses in {
    "leaky_relu": [44.5],
    "gelu_encoder": [43.95],
    "gelu_decoder": [44.0],
    "gelu": [43.5, 43.8],
    "gelu_dropout": [45.1],
    "gelu_batchnorm_after": [43.6],
    "gelu_layernorm_after": [42.6],
    "gelu_layernorm_before": [42.9],
}.items():
    TEST_LOSS[_variant][LATE_EPOCH] = _losses
# From the one history that was published as numbers: exact at every epoch.
TEST_LOSS["gelu_batchnorm_before"] = {
    1: [53.322],
    2: [52.611],
    5: [49.003],
    10: [46.847],
    20: [44.773],
    30: [44.113],
    50: [43.473],
    100: [43.120],
    150: [43.272],
    200: [43.164],
}


def losses_at_end(table):
    """Dictionary from variant to what was published at the epoch that its runs have here.

    Empty where nothing was, as for other studies and data sets.
    """
    if table.study not in CLAIMS or table.dataset != DATASET:
        return {}
    epochs = {name: table.summarize(name, TEST)[0] for name in table.runs}
    losses = {name: TEST_LOSS.get(name, {}).get(epoch, []) for name, epoch in epochs.items()}
    return losses if any(losses.values()) else {}


def curves(table):
    """Dictionary from variant to a part of `TEST_LOSS`: as many epochs as the runs here have."""
    compared = losses_at_end(table)
    return {
        name: {epoch: losses for epoch, losses in curve.items() if epoch <= table.last_epoch}
        for name, curve in TEST_LOSS.items()
        if name in compared
    }
