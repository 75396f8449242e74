"""Learning-to-hash methods under the same protocols, with exact metrics.

>>> import hashbench
>>> itq = hashbench.get_method("itq", n_bits=32)
>>> frame = hashbench.run(methods=["lsh", "itq"], bits=[12, 24])  # doctest: +SKIP

Names are imported when they are first used, so that the command line starts at once.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from hashbench.api import compare, get_method, load_dataset, run
    from hashbench.codes import Codes
    from hashbench.data.protocol import Protocol, find_protocol
    from hashbench.data.split import Split, make_split
    from hashbench.dataset import Dataset, Images
    from hashbench.evaluation import CodeHealth, Evaluation, code_health, evaluate
    from hashbench.method import HashMethod
    from hashbench.records import read_records
    from hashbench.training import DeepHashMethod

_HOMES = {
    "CodeHealth": "evaluation",
    "Codes": "codes",
    "Dataset": "dataset",
    "DeepHashMethod": "training",
    "Evaluation": "evaluation",
    "HashMethod": "method",
    "Images": "dataset",
    "Protocol": "data.protocol",
    "Split": "data.split",
    "code_health": "evaluation",
    "compare": "api",
    "evaluate": "evaluation",
    "find_protocol": "data.protocol",
    "get_method": "api",
    "load_dataset": "api",
    "make_split": "data.split",
    "read_records": "records",
    "run": "api",
}

__all__ = [
    "CodeHealth",
    "Codes",
    "Dataset",
    "DeepHashMethod",
    "Evaluation",
    "HashMethod",
    "Images",
    "Protocol",
    "Split",
    "code_health",
    "compare",
    "evaluate",
    "find_protocol",
    "get_method",
    "load_dataset",
    "make_split",
    "read_records",
    "run",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'hashbench' has no attribute '{name}'")
    return getattr(import_module(f"hashbench.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return [*globals(), *__all__]
