"""What a value shows of itself: a short line and a small table; no arrays, control characters or tags."""

import numpy as np
import pytest

import hashbench
from hashbench.contracts.codes import Codes
from hashbench.contracts.dataset import Images
from hashbench.contracts.task import Outcome, Split
from hashbench.encoders import Encoder
from hashbench.evaluation import code_health, evaluate
from hashbench.records import Record

HOSTILE = "<b>\x1b[2J</b>"
BITS = np.random.default_rng(0).integers(0, 2, (400, 12))


def images(name="digits", **given):
    pixels = np.zeros((1797, 3, 32, 32), np.uint8)
    return Images(pixels, np.arange(1797) % 10, tuple("0123456789"), name=name, **given)


def record(**given):
    cell = {"method": "itq", "dataset": "digits", "protocol": "5k", "features": "cnn", "bits": 48}
    digests = {"task": "0", "dataset": "1", "split": "2"}
    environment = {"versions": {}, "cores": 1, "threads": 1}
    environment |= dict.fromkeys(("platform", "cpu", "device", "precision"), "")
    error = {"type": "ValueError", "message": f"{HOSTILE}\n" + "x" * 500, "traceback": "long"}
    content = {"status": "failed", "error": error, "cell": cell, "digests": digests, "command": "test"}
    created = "2026-01-01T00:00:00Z"
    return Record.model_validate({**content, "environment": environment, "created": created, **given})


def split():
    parts = {"query": np.arange(1000), "database": np.arange(59_000)}
    return Split(np.arange(5000), parts, np.arange(0), {}, "")


SHOWN = {
    "images": (images(), "Images(name=digits, images=1,797, shape=3 x 32 x 32, classes=10)"),
    "split": (split(), "Split(train=5,000, query=1,000, database=59,000)"),
    "codes": (Codes.from_real(BITS), "Codes(n=400, n_bits=12)"),
    "outcome": (
        Outcome({"map": 0.123456}, {"map": np.zeros(1000)}, {"rank": [0.0] * 1000}),
        "Outcome(map=0.1235)",
    ),
    "encoder": (Encoder(hashbench.get_method("itq", n_bits=8), "cnn"), "Encoder(itq, 8 bits, cnn features)"),
}


@pytest.mark.parametrize("kind", SHOWN)
def test_a_value_is_one_short_line(kind):
    value, line = SHOWN[kind]
    assert repr(value) == str(value) == line
    assert value._repr_html_().count("<tr>") == value._repr_html_().count("</tr>") > 0


def test_evaluations_show_their_numbers_only():
    codes = Codes.from_real(BITS)
    evaluation = evaluate(codes[:50], codes, np.arange(50) % 5, np.arange(400) % 5)
    assert repr(evaluation).startswith("Evaluation(queries=50, database=400, map=")
    assert f"map={evaluation['map']:.4g}" in repr(evaluation)
    health = code_health(codes)
    assert f"n_bits=12, bit_balance={health.bit_balance:.4g}" in repr(health)
    assert "array" not in repr(health) + repr(evaluation)


def test_a_record_shows_its_cell_and_its_score_or_fault():
    failed = record()
    assert repr(failed) == str(failed)
    assert repr(failed).startswith("Record(method=itq, features=cnn, bits=48, dataset=digits, protocol=5k, ")
    assert len(repr(failed)) < 250
    assert "\n" not in repr(failed)
    named = record(metrics={"map": 0.5, "other": 1.0}, error=None, status="done", card=CARD, **WHOLE)
    assert repr(named).endswith("repetition=0, map=0.5)")


CARD = {"title": "", "family": "shallow", "supervision": "unsupervised", "inputs": "features"}
CARD |= {"output": "codes", "n_labelled": 0}
WHOLE = {"split": {"query": 1}, "protocol": {"task": {"name": "retrieval"}}}


@pytest.mark.parametrize("value", [images(HOSTILE), record(), Outcome({HOSTILE: 1.0})])
def test_names_are_escaped(value):
    for text in (repr(value), value._repr_html_()):
        assert "\x1b" not in text
        assert "\\x1b[2J" in text
    assert "<b>" not in value._repr_html_()
    assert "&lt;b&gt;" in value._repr_html_()


def test_images_know_the_name_of_their_data_set(tmp_path, monkeypatch):
    monkeypatch.setenv("HASHBENCH_CACHE", str(tmp_path))
    for _ in range(2):  # decoded, then read back
        assert repr(hashbench.load_dataset("digits")) == (
            "Images(name=digits, images=1,797, shape=1 x 8 x 8, classes=10)"
        )
