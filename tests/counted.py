"""A real network that writes down what it was asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from inkover.models.contract import Model


@dataclass(frozen=True)
class Counted:
    """A model that writes down the rows and the samples of every forward."""

    model: Model
    forwards: list[tuple[str, ...]] = field(default_factory=list)
    asked: list[int] = field(default_factory=list)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.model, name)

    def predict(self, x: Tensor, level: Any, rows: Mapping[str, Any], control: Any = None) -> Any:
        self.forwards.append(tuple(rows))
        self.asked.append(len(x))
        return self.model.predict(x, level, rows, control)

    @property
    def samples(self) -> int:
        return sum(self.asked)
