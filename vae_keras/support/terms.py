"""The losses among the columns of a history, and their titles in tables and figures."""

from collections.abc import Iterable

# Titles of names that differ from the words of the name.
TITLES = {
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
    """The title of a loss or one of its terms."""
    return TITLES.get(name, name.removesuffix("_loss").replace("_", " "))
