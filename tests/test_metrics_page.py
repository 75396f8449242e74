"""``docs/metrics.md`` is what ``docs/metrics.py`` writes, and it tells of every metric."""

from pathlib import Path

import metrics as pages
import pytest
from sections import ranking
from sections.mistakes import mistakes

from hashbench.evaluation.metric_table import HEALTH, RANKING

PAGE = Path(__file__).parents[1] / "docs" / "metrics.py"


def test_the_page_is_the_generators():
    written = PAGE.with_suffix(".md").read_text(encoding="utf-8")
    assert written == pages.page(), "write it again: python docs/metrics.py > docs/metrics.md"


def test_every_metric_is_on_it():
    text = pages.page()
    for name in RANKING:
        assert f"\n### `{name}`\n" in text
    for name in HEALTH:
        assert f"\n| `{name}` |" in text


def test_wrong_arithmetic_is_not_printed(monkeypatch):
    monkeypatch.setitem(ranking.WORKED, "precision@5", "3/5")
    with pytest.raises(ValueError, match=r"precision@5 is 0\.5, but worked out by hand 3/5 = 0\.6"):
        pages.page()


def test_every_mistake_changes_a_number():
    found = ranking.evaluate_ranking([*ranking.WORKED])
    for mistake in mistakes(found):
        assert abs(mistake.wrong - mistake.right) > 0.01
