"""Columns of a history by name: which are losses, and what tables and figures call them."""

from collections.abc import Iterable

# How a name is written where its own words will not do.
TITLES = {
    "loss": "loss",
    "reconstruction_loss": "reconstruction",
    "reconstruction_error": "error per pixel",
    "kl_loss": "KL (nats)",
    "elbo": "ELBO (nats/image)",
}


def loss_columns(columns: Iterable[str]) -> list[str]:
    """The loss and its terms among the columns of a history, `loss` first.

    They end in `loss` and have a counterpart for the test images, such as `val_kl_loss`.
    """
    names = list(columns)
    losses = [name for name in names if name.endswith("loss") and f"val_{name}" in names]
    return sorted(losses, key=lambda name: name != "loss")


def title(name: str) -> str:
    """What to call a loss or one of its terms."""
    return TITLES.get(name, name.removesuffix("_loss").replace("_", " "))
