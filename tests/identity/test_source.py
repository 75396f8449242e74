"""A digest of code changes with what can change a number, and with nothing else."""

import pytest

from hashbench.identity import source
from hashbench.plugins.registry import find

CODE = '''
def f(x):
    """Doubles."""
    if x < 0:
        raise ValueError(f"{x} is negative")
    return 2 * x
'''


@pytest.fixture
def digest(tmp_path):
    def of(text):
        path = tmp_path / "code.py"
        path.write_text(text)
        source.code_digest.cache_clear()
        return source.code_digest((path,))

    return of


def test_words_and_layout_do_not_count(digest):
    expected = digest(CODE)
    for text in (
        '"""A title."""\n' + CODE,
        CODE.replace('    """Doubles."""\n', ""),
        CODE.replace("Doubles", "Twice x"),
        CODE.replace("return 2 * x", "return (2\n            * x)  # twice"),
        CODE.replace("is negative", "is below zero; give another"),
    ):
        assert text != CODE
        assert digest(text) == expected


def test_what_is_computed_counts(digest):
    expected = digest(CODE)
    for old, new in (("2 * x", "3 * x"), ("x < 0", "x <= 0"), ("def f(x)", "def f(x, y=1)")):
        assert digest(CODE.replace(old, new)) != expected


@pytest.fixture
def changed(monkeypatch):
    """The digest that a function gives where one file of the package is other code."""

    def of(function, file):
        real = source.code_digest

        def other(paths):
            return real(paths) + "!" * sum(path == source.PACKAGE / file for path in paths)

        with monkeypatch.context() as patch:
            patch.setattr(source, "code_digest", other)
            return function()

    return of


@pytest.mark.parametrize(
    ("function", "counts", "does_not"),
    [
        (
            lambda: source.method_digest(find("method", "itq")),
            ("numerics.py", "method.py", "codes.py"),
            ("recipe.py", "training/loop.py"),
        ),
        (lambda: source.method_digest(find("method", "dsh")), ("method.py", "codes.py"), ("numerics.py",)),
        (
            lambda: source.training_digest("vgg7", deep=False),
            ("training/pretrain.py", "training/loop.py", "training/backbones/vgg7.py"),
            ("training/deep.py", "training/backbones/nin.py", "training/__init__.py"),
        ),
        (
            lambda: source.training_digest("vgg7", deep=True),
            ("training/deep.py", "training/loop.py"),
            ("training/backbones/nin.py", "numerics.py"),
        ),
        (
            source.evaluation_digest,
            ("evaluation/metrics.py", "evaluation/kernel.py"),
            ("reporting/build.py",),
        ),
    ],
)
def test_a_digest_is_of_the_code_that_the_numbers_stand_on(changed, function, counts, does_not):
    for file in (*counts, *does_not):
        assert (source.PACKAGE / file).is_file()
        assert (changed(function, file) != function()) == (file in counts), file
