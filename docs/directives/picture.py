"""A picture that a script outside makes."""

from argparse import Namespace

from directives.page import Files, Page
from hashbench.errors import InvalidInputError

PICTURE = {(name,): {"required": True} for name in ("--file", "--caption", "--made-by")}


def picture(page: Page, files: Files, options: Namespace) -> str:
    """``--file``: below docs/. Those in pictures/ show images of data sets, and git ignores them."""
    made = f"`{options.made_by}` draws {options.caption}"
    if options.file.startswith("pictures/"):
        return (
            f"{made}, to `docs/{options.file}`. It is not committed, as images of data sets never are here."
        )
    if not options.file.startswith("figures/"):
        raise InvalidInputError(f"'{options.file}' is neither in figures/ nor, not committed, in pictures/")
    there = (page.folder / options.file).exists()
    return f"![{options.caption}]({page.way}/{options.file})" if there else f"Not there yet: {made}."
