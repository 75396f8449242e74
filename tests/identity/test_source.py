"""A digest of code changes with what can change a number, and with nothing else."""

from hashbench.identity import source
from hashbench.plugins.registry import find

CODE = '''
def f(x):
    """Doubles."""
    if x < 0:
        raise ValueError(f"{x} is negative")
    return 2 * x
'''


def digest(text):
    return source.code_digest(text.encode())


def test_words_and_layout_do_not_count():
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


def test_what_is_computed_counts():
    expected = digest(CODE)
    for old, new in (("2 * x", "3 * x"), ("x < 0", "x <= 0"), ("def f(x)", "def f(x, y=1)")):
        assert digest(CODE.replace(old, new)) != expected


def test_a_method_is_its_own_file_and_says_which_room_it_stands_on(tmp_path):
    assert source.method_digest(find("method", "itq")) != source.method_digest(find("method", "lsh"))
    assert source.imports_room(find("method", "itq"), "numerics")
    assert not source.imports_room(find("method", "random"), "numerics")


def test_a_family_counts_as_the_methods_own():
    cls = find("method", "keyed_cs_lbp")
    names = [module.__name__.rpartition(".")[2] for module in source.own_modules(cls)]
    assert names == ["keyed_cs_lbp", "patterns", "blocks"]
    assert source.imports_room(cls, "numerics")  # by its family alone
