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
    from hashbench.api import compare, get_method, load, load_dataset, report, run, verify
    from hashbench.contracts.codes import Codes
    from hashbench.contracts.dataset import Dataset, Images
    from hashbench.contracts.feature import Feature, TrainedFeature
    from hashbench.contracts.method import HashMethod
    from hashbench.contracts.protocol import Protocol
    from hashbench.contracts.task import Split, Task
    from hashbench.encoders import Encoder
    from hashbench.evaluation import CodeHealth, Evaluation, code_health, evaluate
    from hashbench.plugins.registry import find_protocol
    from hashbench.records import read_records
    from hashbench.training import DeepHashMethod

_HOMES = {
    "CodeHealth": "evaluation",
    "Codes": "contracts.codes",
    "Dataset": "contracts.dataset",
    "DeepHashMethod": "training",
    "Encoder": "encoders",
    "Evaluation": "evaluation",
    "HashMethod": "contracts.method",
    "Images": "contracts.dataset",
    "Feature": "contracts.feature",
    "Protocol": "contracts.protocol",
    "Split": "contracts.task",
    "Task": "contracts.task",
    "TrainedFeature": "contracts.feature",
    "code_health": "evaluation",
    "compare": "api",
    "evaluate": "evaluation",
    "find_protocol": "plugins.registry",
    "get_method": "api",
    "load": "api",
    "load_dataset": "api",
    "read_records": "records",
    "report": "api",
    "run": "api",
    "verify": "api",
}

__all__ = [
    "CodeHealth",
    "Codes",
    "Dataset",
    "DeepHashMethod",
    "Encoder",
    "Evaluation",
    "Feature",
    "HashMethod",
    "Images",
    "Protocol",
    "Split",
    "Task",
    "TrainedFeature",
    "code_health",
    "compare",
    "evaluate",
    "find_protocol",
    "get_method",
    "load",
    "load_dataset",
    "read_records",
    "report",
    "run",
    "verify",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'hashbench' has no attribute '{name}'")
    return getattr(import_module(f"hashbench.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return [*globals(), *__all__]
