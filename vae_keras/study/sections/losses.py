"""The losses at the end of the runs, beside the published ones."""

from collections.abc import Iterable

from vae_keras.study.definition import TEST, TRAIN, PublishedLosses, Study
from vae_keras.study.table import LAST_EPOCHS, RunTable
from vae_keras.support.terms import loss_columns, title
from vae_keras.support.text import NOT_AVAILABLE, escape, markdown, plus_minus, signed


def loss_table(study: Study, table: RunTable) -> list[list[str]]:
    """The losses at the last epoch, as rows of texts with a header."""
    compared = _published_at_end(study, table)
    terms = loss_columns(table.columns)[1:]
    rows = [["variant", "seeds", "epoch"]]
    rows[0] += ["test loss, published", "test loss, here"] if compared else ["test loss"]
    rows[0].append(f"test loss, mean of last {LAST_EPOCHS} epochs")
    rows[0] += [*map(title, terms), "training loss"]
    columns = [(TEST, LAST_EPOCHS), *((f"val_{term}", 1) for term in terms), (TRAIN, 1)]
    for name in table.runs:
        epoch, mean, half_width = table.summarize(name, TEST)
        row = [name, str(len(table.counted(name)[0])), str(epoch or NOT_AVAILABLE)]
        if compared:
            row.append(_join(compared.get(name, ())) or NOT_AVAILABLE)
        row.append(plus_minus(mean, half_width))
        for column, window in columns:
            row.append(plus_minus(*table.summarize(name, column, window)[1:]))
        rows.append(row)
    return rows


def loss_section(study: Study, table: RunTable) -> str:
    text = "## Losses at the last epoch\n\n" + markdown(loss_table(study, table))
    compared, published = _published_at_end(study, table), study.published
    if not compared or published is None:
        return text
    of_source = f" of {study.source}" if study.source else ""
    remark = f", {published.remark}" if published.remark else ""
    sentences = [f"Published: losses{of_source} at the same epoch{remark}."]
    epochs = {table.summarize(name, TEST)[0] for name in compared}
    sentences += [note for epoch, note in published.notes.items() if epoch in epochs]
    far = []
    for name, losses in compared.items():
        mean = table.summarize(name, TEST)[1] or 0.0
        nearest = min((mean - loss for loss in losses), key=abs)
        if abs(nearest) > published.tolerance:
            far.append(f"{name} ({signed(nearest)})")
    sentences.append(
        "Variants whose mean differs from each of their published losses by more than "
        f"{published.tolerance}: {', '.join(far) or 'none'}."
    )
    return f"{text}\n\n{escape(' '.join(sentences))}"


def _published_at_end(study: Study, table: RunTable) -> dict[str, tuple[float, ...]]:
    """The published losses of variants at the last epoch of their runs; may be empty."""
    if study.published is None or study.published.dataset != table.dataset:
        return {}
    found = {}
    for name in table.runs:
        epoch = table.summarize(name, TEST)[0]
        losses = study.published.losses.get(name, {}).get(epoch or 0)
        if losses:
            found[name] = losses
    return found


def published_curves(study: Study, table: RunTable) -> dict[str, PublishedLosses]:
    """The published losses up to the last epoch, by column of a history and by variant.

    Empty without a published test loss at the last epoch.
    """
    if study.published is None or not _published_at_end(study, table):
        return {}
    columns = {TEST: study.published.losses, TRAIN: study.published.train_losses}
    return {
        column: {
            name: {epoch: losses for epoch, losses in curve.items() if epoch <= table.last_epoch}
            for name, curve in published.items()
            if name in table.runs
        }
        for column, published in columns.items()
    }


def published_section(study: Study, table: RunTable) -> str | None:
    """Test and training losses at several epochs, published and here."""
    tables = [
        _published_table(study, table, column, published)
        for column, published in published_curves(study, table).items()
        if any(published.values())
    ]
    return "\n\n".join(["## Published curves", *tables]) if tables else None


def _published_table(study: Study, table: RunTable, column: str, published: PublishedLosses) -> str:
    """The losses of a column, published and here."""
    epochs = sorted({epoch for curve in published.values() for epoch in curve})
    split = "test" if column == TEST else "training"
    rows = [["variant", f"{split} loss after epoch", *map(str, epochs)]]
    for name in filter(published.get, study.variants):
        curves = table.curves(name, column)
        theirs, ours = [name, "published"], ["", "here, range over seeds"]
        for epoch in epochs:
            theirs.append(_join(published[name].get(epoch, ())))
            seen = curves[:, epoch - 1] if epoch <= curves.shape[1] else None
            ours.append(NOT_AVAILABLE if seen is None else f"{seen.min():.2f} to {seen.max():.2f}")
        rows += [theirs, ours]
    return markdown(rows)


def _join(losses: Iterable[float]) -> str:
    return " and ".join(f"{loss:.2f}" for loss in losses)
