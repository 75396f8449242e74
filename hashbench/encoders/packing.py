"""What a method has learned, as plain JSON and named tensors, and back: a closed world, never a pickle.

JSON holds None, truth values, texts, whole and finite numbers as they are. All else is an object with one
key, which says what it is: ``{"tensor": "t3"}``, ``{"tuple": [...]}``.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields, is_dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from hashbench.contracts.recipe import Invariances, Recipe
from hashbench.encoders.modules import pack_module, unpack_module
from hashbench.errors import InvalidInputError

DEPTH = 40  # how deep values may be nested
NUMERICS = "hashbench.numerics."  # whose dataclasses, such as kernel maps, methods learn
SETTINGS: dict[str, type] = {"recipe": Recipe, "invariances": Invariances}
DTYPES = {
    str(dtype).removeprefix("torch."): dtype
    for dtype in (
        *(torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.bool),
        *(torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8),
    )
}


class UnsavableError(InvalidInputError):
    """A value that the file cannot hold."""


@dataclass
class Packer:
    """Turns values into JSON; their tensors go to ``tensors``.

    plan: of each ``Network``: the name of its backbone, and the shorter side of its images.
    """

    plan: tuple[str, int] | None = None
    tensors: dict[str, torch.Tensor] = field(default_factory=dict)
    seen: dict[int, int] = field(default_factory=dict)  # modules by id, so that each is written once

    def pack(self, value: Any, where: str, depth: int = 0) -> Any:
        """The JSON of a value. where: its name, for the error. Raises UnsavableError."""
        if depth > DEPTH:
            raise UnsavableError(f"{where} is nested too deeply")

        def inside(other: Any, name: object) -> Any:
            return self.pack(other, f"{where}.{name}", depth + 1)

        kind = type(value)
        if value is None or kind in (bool, int, str):
            return value
        if kind is float:
            return value if math.isfinite(value) else {"float": str(value)}
        if kind is bytes:
            return {"bytes": value.hex()}
        if kind in (tuple, list, torch.Size):
            name = "list" if kind is list else "tuple"
            return {name: [inside(item, i) for i, item in enumerate(value)]}
        if kind is dict:
            return {"dict": [[inside(key, "key"), inside(item, key)] for key, item in value.items()]}
        for name, settings in SETTINGS.items():
            if kind is settings:
                return {name: asdict(value)}
        if isinstance(value, np.generic) and value.dtype.kind in "biuf":
            return {"scalar": [value.dtype.name, inside(value.item(), "value")]}
        if kind is np.ndarray:
            return self._array(value, where)
        if kind in (torch.Tensor, nn.Parameter):
            return {"tensor": self._tensor(value, where)}
        if is_dataclass(value) and kind.__module__.startswith(NUMERICS):
            own = {each.name: getattr(value, each.name) for each in fields(value)}
            return {"dataclass": [f"{kind.__module__}:{kind.__qualname__}", inside(own, kind.__name__)]}
        if isinstance(value, nn.Module):
            if id(value) in self.seen:
                return {"same": self.seen[id(value)]}
            self.seen[id(value)] = len(self.seen)
            return {"module": pack_module(value, self.plan, where, inside)}
        raise UnsavableError(f"{where} is a {kind.__module__}.{kind.__qualname__}, which no file can hold")

    def _array(self, array: np.ndarray, where: str) -> Any:
        if array.dtype.kind == "U":
            return {"strings": [list(array.shape), array.ravel().tolist()]}
        if array.dtype.name not in DTYPES:
            raise UnsavableError(f"{where} is an array of {array.dtype}, which no file can hold")
        return {"array": self._tensor(torch.from_numpy(np.ascontiguousarray(array).copy()), where)}

    def _tensor(self, tensor: torch.Tensor, where: str) -> list[Any]:
        """Its key and the order of its dimensions in memory: another order could give other last digits."""
        if str(tensor.dtype).removeprefix("torch.") not in DTYPES or tensor.layout is not torch.strided:
            raise UnsavableError(f"{where} is a tensor of {tensor.dtype}, which no file can hold")
        order = sorted(range(tensor.ndim), key=tensor.stride().__getitem__, reverse=True)
        key = f"t{len(self.tensors)}"
        plain = tensor.detach().cpu().permute(order).contiguous().clone()
        self.tensors[key] = plain
        return [key, order]


@dataclass
class Unpacker:
    """Values from their JSON. homes: files, as modules, whose classes may be built. device: of tensors."""

    tensors: Mapping[str, torch.Tensor]
    homes: tuple[str, ...]
    device: torch.device
    seen: list[nn.Module] = field(default_factory=list)

    def unpack(self, value: Any, depth: int = 0) -> Any:
        """The value. Raises ValueError, KeyError or TypeError where the JSON is none of ``Packer``'s."""
        if depth > DEPTH:
            raise ValueError("values are nested too deeply")
        if value is None or isinstance(value, bool | int | float | str):
            return value
        if not isinstance(value, dict) or len(value) != 1:
            raise ValueError("a value is no object with one key")
        ((kind, content),) = value.items()

        def inside(other: Any) -> Any:
            return self.unpack(other, depth + 1)

        if kind in SETTINGS:
            return settings_of(SETTINGS[kind], content)
        if kind == "module":
            place = len(self.seen)
            self.seen.append(nn.Module())
            self.seen[place] = unpack_module(content, self.homes, self.device, inside)
            return self.seen[place]
        readers: dict[str, Callable[[], Any]] = {
            "float": lambda: float(content),
            "bytes": lambda: bytes.fromhex(content),
            "tuple": lambda: tuple(map(inside, content)),
            "list": lambda: list(map(inside, content)),
            "dict": lambda: {inside(key): inside(item) for key, item in content},
            "scalar": lambda: np.dtype(content[0]).type(inside(content[1])),
            "strings": lambda: np.array(content[1], str).reshape(content[0]),
            "array": lambda: self._tensor(content).numpy(),
            "tensor": lambda: self._tensor(content).to(self.device),
            "same": lambda: self.seen[content],
            "dataclass": lambda: self._dataclass(content[0], inside(content[1])),
        }
        if kind not in readers:
            raise ValueError(f"a value is a '{kind}'")
        return readers[kind]()

    def _dataclass(self, name: str, values: Any) -> Any:
        home, _, name = name.partition(":")
        cls = getattr(importlib.import_module(home), name, None) if home.startswith(NUMERICS) else None
        if not (isinstance(cls, type) and is_dataclass(cls)):
            raise ValueError(f"'{home}:{name}' is no dataclass of ours")
        return settings_of(cls, values)

    def _tensor(self, content: Any) -> torch.Tensor:
        key, order = content
        tensor = self.tensors[key]
        if sorted(order) != list(range(tensor.ndim)):
            raise ValueError(f"tensor {key} has {tensor.ndim} dimensions, not {len(order)}")
        return tensor.permute([order.index(i) for i in range(tensor.ndim)])


def settings_of(cls: type, content: Mapping[str, Any]) -> Any:
    """A dataclass of its fields, such as a recipe. Raises ValueError where some are unknown."""
    names = {field.name for field in fields(cls)}
    if not isinstance(content, dict) or set(content) - names:
        raise ValueError(f"{cls.__name__} has other fields than {', '.join(sorted(names))}")
    return cls(**content)
