"""Losses by epoch."""

from argparse import Namespace

from directives.page import Files, Page, lengths, looks, rows_of, settings, title
from hashbench.reporting.figures import LineStyle
from hashbench.reporting.panels import training_losses
from hashbench.reporting.series import loss_by_epoch

LOSS = {("--loss",): {"default": "loss"}}  # the name of the curve
_SHARED = {"shared backbone": LineStyle("#555555", "", "-")}
_NOTE = (
    "Losses on the augmented training images, mean over an epoch and over the repetitions. Each hashing loss "
    "has units of its own, so it is divided by its first epoch. Undivided, the last are: {}."
)


def training(page: Page, files: Files, options: Namespace) -> str:
    """A figure a setting, at its longest codes: pre-training, and the losses of the rows that have any."""
    parts, loss = [], options.loss
    for setting, members in settings(files, options).items():
        bits, name = max(lengths(members), default=None), ", ".join(setting)
        rows = rows_of(members, options, bits)
        shown = {row: kept for row, rs in rows.items() if (kept := [r for r in rs if r.curves.get(loss)])}
        if not shown:
            parts.append(f"The records of {title(setting)} have no curve '{loss}'.")
            continue
        started = next((rs for rs in shown.values() if all(r.curves.get("pretrain_loss") for r in rs)), ())
        shared = {"shared backbone": started}
        left = training_losses(f"{name}: pre-training", shared, _SHARED, "pretrain_loss", "loss", False)
        label = f"hashing losses, {bits} bits" if bits else "losses"
        right = training_losses(label, shown, looks(rows), loss, "loss / loss of the first epoch", True)
        panels = [panel for panel in (left, right) if panel.lines]
        ends = ", ".join(
            f"{row} {loss_by_epoch(rs, loss, relative=False)[-1]:.3f}" for row, rs in shown.items()
        )
        parts += [page.figure(f"Losses by epoch on {name}", [panels], loss, *setting), _NOTE.format(ends)]
    return "\n\n".join(parts)
