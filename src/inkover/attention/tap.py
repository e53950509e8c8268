"""The tap: for the duration of one forward, a control sees and answers a network's attention calls.

It sits where every attention ends: ``scaled_dot_product_attention``, in the modules that a backbone has registered.
Nothing of the network is replaced; the modules that a control does not want run as if there were none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from threading import get_ident
from typing import Any, Literal

from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from inkover.attention.call import Call, Site, kernel
from inkover.attention.control import Control
from inkover.errors import InkoverError


@dataclass(frozen=True, slots=True)
class Layer:
    """One attention module of a network, as its backbone registers it."""

    name: str
    module: nn.Module
    features: nn.Module  # the module around it, or itself, whose first input has the grid: (b, c, h, w)
    kind: Literal["self", "cross"]
    depth: float  # in [0, 1): how far through the layers of its kind, in the order in which they run


@contextmanager
def tapped(layers: Sequence[Layer], control: Control | None, rows: Sequence[str]) -> Iterator[None]:
    """Let a control answer the attention calls of one forward made inside, by this thread, of the layers' network.

    ``rows`` names the equal blocks of the batch, in order. Raises an InkoverError when a wanted layer made no call.
    """
    if control is None:
        yield
        return
    tap = _Tap(control, tuple(rows))
    with ExitStack() as undo:
        undo.callback(tap.close)
        for module in {layer.features for layer in layers}:
            undo.callback(module.register_forward_pre_hook(tap.measure, with_kwargs=True).remove)
        for layer in layers:
            undo.callback(layer.module.register_forward_pre_hook(tap.opening(layer)).remove)
            undo.callback(layer.module.register_forward_hook(tap.shut, prepend=True, always_call=True).remove)
        yield
        tap.check()


@dataclass
class _Tap:
    """What one forward needs to remember, dropped at its end."""

    control: Control
    rows: tuple[str, ...]
    thread: int = field(default_factory=get_ident)
    grids: dict[nn.Module, tuple[int, int]] = field(default_factory=dict)
    open: list[_Listening] = field(default_factory=list)
    seen: bool = False
    missed: list[str] = field(default_factory=list)

    def measure(self, module: nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any] | None = None) -> None:
        if get_ident() == self.thread:
            first: Tensor = args[0] if args else next(iter((kwargs or {}).values()))
            self.grids[module] = (first.shape[-2], first.shape[-1])

    def opening(self, layer: Layer) -> Callable[..., None]:
        def enter(module: nn.Module, args: tuple[Any, ...]) -> None:
            if get_ident() != self.thread:
                return
            self.seen = True
            site = Site(layer.name, layer.kind, self.grids[layer.features], layer.depth)
            if self.control.wants(site):
                self.open.append(_Listening(module, site, self.rows, self.control))
                self.open[-1].start()

        return enter

    def shut(self, module: nn.Module, args: tuple[Any, ...], output: Any) -> None:
        if get_ident() == self.thread and self.open and self.open[-1].module is module:
            listening = self.open.pop()
            listening.stop()
            if not listening.calls:
                self.missed.append(listening.site.name)

    def close(self) -> None:
        """Take off what an interruption has left open: torch calls no hooks then."""
        while self.open:
            self.open.pop().stop()

    def check(self) -> None:
        if self.missed or not self.seen:
            where = self.missed[0] if self.missed else "the network"
            raise InkoverError(
                f"{where} made no call of PyTorch's own attention, so that nothing can steer it: "
                "switch xformers, sliced attention and torch.compile off, or use a method without attention control"
            )


class _Listening(TorchFunctionMode):
    """Hears the attention calls inside one module and hands them to the control; all else passes."""

    def __init__(self, module: nn.Module, site: Site, rows: tuple[str, ...], control: Control) -> None:
        super().__init__()
        self.module, self.site, self.rows, self.control = module, site, rows, control
        self.calls = 0

    def start(self) -> None:
        self.__enter__()  # type: ignore[no-untyped-call]  # hooks have no block to enter a context in

    def stop(self) -> None:
        self.__exit__(None, None, None)  # type: ignore[no-untyped-call]

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func is F.scaled_dot_product_attention:
            self.calls += 1
            return self._answer(*args, **(kwargs or {}))
        return func(*args, **(kwargs or {}))

    def _answer(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        attn_mask: Tensor | None = None,
        dropout_p: float = 0.0,
        is_causal: bool = False,
        **more: Any,
    ) -> Tensor:
        options = {"dropout_p": dropout_p, "is_causal": is_causal, **more}
        call = Call(self.site, self.rows, query, key, value, kernel, attn_mask, options)
        return self.control.answer(call)
