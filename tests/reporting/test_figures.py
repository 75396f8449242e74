"""Figures: what is drawn where, and the same bytes each time."""

import matplotlib.pyplot as plt
import pytest
from matplotlib.image import imread

from hashbench.reporting.figures import COLORS, Line, Panel, draw, save, styles

LOOK = styles({"ours": "-", "theirs": ":"})


def panel(**given):
    lines = [
        Line("ours", LOOK["ours"], [0, 1], [0.5, 0.7], [0.4, 0.65], [0.6, 0.9]),
        Line("theirs", LOOK["theirs"], [0, 1], [0.2, 0.3]),
    ]
    return Panel("a title", "bits", "mAP", lines, **{"ticks": {0: "12", 1: "48"}, **given})


def test_lines_error_bars_levels_and_ticks_lie_where_the_panel_says():
    figure = draw([[panel(levels={"0.74: abstract": 0.74}, y_range=(0, 1))]])
    [ax] = figure.axes
    ours, theirs = ax.containers
    assert ours.lines[0].get_ydata().tolist() == [0.5, 0.7]
    [bars] = ours.lines[2]
    assert [segment[:, 1].round(9).tolist() for segment in bars.get_segments()] == [[0.4, 0.6], [0.65, 0.9]]
    assert not theirs.has_yerr
    assert (ours.lines[0].get_color(), theirs.lines[0].get_color()) == COLORS[:2]
    assert ours.lines[0].zorder > theirs.lines[0].zorder, "the first lies above"
    assert [label.get_text() for label in ax.get_xticklabels()] == ["12", "48"]
    [level] = ax.texts
    assert (level.get_text(), level.xy[1]) == ("0.74: abstract", 0.74)
    assert ax.get_ylim() == (0, 1)


def test_one_legend_names_each_line_once_for_all_panels():
    figure = draw([[panel(), panel()], [panel(log_x=True)]])
    [legend] = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["ours", "theirs"]
    assert [ax.get_visible() and ax.axison for ax in figure.axes] == [True, True, True, False]
    assert figure.axes[2].get_xscale() == "log"


def test_no_text_is_cut_off_or_lies_on_another():
    figure = draw([[panel(levels={"0.74: a rather long label": 0.74}), panel()]])
    figure.draw_without_rendering()
    page = figure.bbox
    texts = [text for ax in figure.axes for text in (*ax.texts, ax.title, ax.xaxis.label, ax.yaxis.label)]
    boxes = [text.get_window_extent() for text in (*texts, *figure.legends[0].get_texts())]
    assert all(page.x0 <= box.x0 and box.x1 <= page.x1 for box in boxes)
    assert all(page.y0 <= box.y0 and box.y1 <= page.y1 for box in boxes)
    assert not [(a, b) for i, a in enumerate(boxes) for b in boxes[:i] if a.overlaps(b)]


@pytest.mark.parametrize("kind", ["svg", "png"])
def test_the_same_figure_is_the_same_file_whatever_the_users_settings(tmp_path, kind):
    first, second = tmp_path / f"figures/a.{kind}", tmp_path / f"b.{kind}"
    save(draw([[panel()]]), first)
    with plt.rc_context({"font.size": 20, "lines.linewidth": 9, "axes.grid": False}):
        save(draw([[panel()]]), second)
    assert first.read_bytes() == second.read_bytes()
    if kind == "png":
        assert imread(first).shape[:2] == pytest.approx((3.5 * 144, 4.2 * 144), abs=1)
    else:
        assert b"<dc:date>" not in first.read_bytes()


def test_names_beyond_the_colors_are_refused():
    assert len({*styles(dict.fromkeys(map(str, range(len(COLORS))), "-")).values()}) == len(COLORS)
    with pytest.raises(ValueError, match="10 names, but only 9 styles can be told apart"):
        styles(dict.fromkeys(map(str, range(10)), "-"))
