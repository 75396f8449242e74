"""What the figures of pages and of the report draw alike."""

from hashbench.reporting.panels import training_losses
from hashbench.reporting.report.curves import curves_of
from hashbench.reporting.series import loss_by_epoch, mean_curves, repeated


def test_curves_that_belong_together_are_averaged_over_the_records_that_have_them_all(make):
    first = make("itq", 12, 0.5, repetition=0, curves={"recall": [0.0, 1.0], "precision": [1.0, 0.5]})
    second = make("itq", 12, 0.5, repetition=1, curves={"recall": [0.5, 1.0], "precision": [0.5, 0.25]})
    half = make("itq", 12, 0.5, repetition=2, curves={"recall": [9.0, 9.0]})
    found = mean_curves([first, second, half], ["recall", "precision"])
    assert found == {"recall": [0.25, 1.0], "precision": [0.75, 0.375]}
    assert mean_curves([half], ["recall", "precision"]) == {}


def test_curves_of_different_lengths_are_those_of_the_first_repetition(make):
    records = [make("dsh", 12, 0.5, repetition=n, curves={"loss": [4.0, 2.0, 1.0][: 3 - n]}) for n in (0, 1)]
    assert loss_by_epoch(records, "loss", relative=False) == [4.0, 2.0, 1.0]
    assert loss_by_epoch(records, "loss", relative=True) == [1.0, 0.5, 0.25]


def test_a_loss_that_does_not_start_above_zero_has_no_shares(make):
    record = make("dsh", 12, 0.5, curves={"loss": [-1.0, -2.0]})
    assert loss_by_epoch([record], "loss", relative=True) == []
    assert loss_by_epoch([record], "loss", relative=False) == [-1.0, -2.0]
    assert curves_of([record], {record.cell.row: 0}, []) == []


def test_a_page_and_the_report_draw_the_same_losses(make):
    records = [make("dsh", 12, 0.5, repetition=n, curves={"loss": [8.0 - 4 * n, 1.0]}) for n in (0, 1)]
    [line] = training_losses("t", {"dsh": records}, {"dsh": None}, "loss", "loss", relative=True).lines
    [curve] = curves_of(records, {records[0].cell.row: 0}, [])
    assert curve["curves"]["loss"] == [1.0, 0.1667]
    assert [round(value, 4) for value in line.y] == curve["curves"]["loss"]


def test_values_are_those_of_the_records_that_have_the_metric_or_the_health(make):
    records = [make("itq", 12, 0.5), make("itq", 12, None, repetition=1)]
    assert repeated(records, "map") == [0.5]
