"""One attention call of a network, as a control sees it: where it is, whose rows it holds, and how to answer it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn import functional as F

Weights = Mapping[str, Tensor]
"""Cross-attention weights by row, each (n, heads, positions, text tokens), every position's summing to one."""


@dataclass(frozen=True, slots=True)
class Site:
    """Where in a network an attention call is made."""

    name: str  # the module's, as in network.named_modules()
    kind: Literal["self", "cross"]
    grid: tuple[int, int]  # (h, w) of the features that ask
    depth: float  # in [0, 1): how far through the layers of its kind, in the order in which they run


@dataclass(frozen=True, slots=True)
class Row:
    """One row's queries, keys and values, each (n, heads, tokens, width)."""

    q: Tensor
    k: Tensor
    v: Tensor | None = None  # None where a memory does without


@dataclass(frozen=True, slots=True)
class Edit:
    """A change of the explicit weights of named rows.

    ``change`` is given the weights of all of ``rows`` and returns the changed ones; a row that it does not return
    keeps the fused kernel's answer, to the bit.
    """

    rows: tuple[str, ...]
    change: Callable[[Weights], Weights]


@dataclass(frozen=True, slots=True)
class Call:
    """One attention call. Calling it answers it: by the next control, and in the end by the fused kernel."""

    site: Site
    rows: tuple[str, ...]  # the batch is one block of n for each, in order
    q: Tensor  # (len(rows) * n, heads, positions, width)
    k: Tensor  # (len(rows) * n, heads, keys, width)
    v: Tensor  # (len(rows) * n, heads, keys, width)
    next: Callable[[Call], Tensor]
    mask: Tensor | None = None  # which keys may be looked at, or what is added to the logits
    options: Mapping[str, Any] = field(default_factory=dict[str, Any])  # what else the kernel was asked with
    kept: Mapping[str, Row] = field(default_factory=dict[str, Row])  # rows that are not in the batch, from a memory
    edits: tuple[Edit, ...] = ()

    def __call__(self) -> Tensor:  # (len(rows) * n, heads, positions, width)
        """Answer the call as it now stands."""
        return self.next(self)

    def row(self, name: str) -> Row:
        """Return a row of the batch, or one from the memory."""
        if name not in self.rows:
            return self._recalled(name)
        at = self.rows.index(name)
        q, k, v = (tensor.chunk(len(self.rows))[at] for tensor in (self.q, self.k, self.v))
        return Row(q, k, v)

    def _recalled(self, name: str) -> Row:
        if name not in self.kept:
            there = ", ".join([*self.rows, *self.kept])
            raise ValueError(f"a control asks for the row {name!r}, and this forward has {there}")
        many, row = len(self.q) // len(self.rows), self.kept[name]
        q, k = (tensor.expand(many, -1, -1, -1) for tensor in (row.q, row.k))
        return Row(q, k, None if row.v is None else row.v.expand(many, -1, -1, -1))

    def swapped(self, *, q: Weights | None = None, k: Weights | None = None, v: Weights | None = None) -> Call:
        """Return the call with other queries, keys or values in the named rows, each (n, heads, tokens, width)."""
        names = self.rows
        return replace(self, q=_with(names, self.q, q), k=_with(names, self.k, k), v=_with(names, self.v, v))

    def edited(self, edit: Edit) -> Call:
        """Return the call with one more change of its weights, made after those it already has; cross only."""
        if self.site.kind != "cross":
            raise ValueError(f"{self.site.name} is self-attention, whose weights are never written out: swap q, k or v")
        return replace(self, edits=(*self.edits, edit))

    def only(self, names: tuple[str, ...], mask: Tensor | None = None) -> Call:
        """Return the call of some rows alone, the others kept; a bool mask (n, 1, keys) tells which keys count."""
        rows = [self.row(name) for name in names]
        q, k = (torch.cat([getattr(row, which) for row in rows]) for which in "qk")
        v = torch.cat([row.v for row in rows if row.v is not None])
        masks = None if mask is None else mask[:, None].repeat(len(names), 1, 1, 1)
        kept = {**self.kept, **{name: self.row(name) for name in self.rows}}
        return replace(self, rows=names, q=q, k=k, v=v, mask=masks, kept=kept)

    def overlaid(self, answer: Tensor, rows: Weights) -> Tensor:
        """Return an answer with the named rows replaced."""
        return _with(self.rows, answer, rows)


def _with(names: tuple[str, ...], tensor: Tensor, rows: Weights | None) -> Tensor:
    if not rows:
        return tensor
    blocks = dict(zip(names, tensor.chunk(len(names)), strict=True))
    return torch.cat(list({**blocks, **{name: rows[name] for name in names if name in rows}}.values()))


def kernel(call: Call) -> Tensor:
    """Answer a call: fused, and by explicit weights for the rows whose weights an edit changes."""
    names = dict.fromkeys(name for edit in call.edits for name in edit.rows)
    found: dict[str, Tensor] = {name: weights(call, name) for name in names}
    changed: dict[str, Tensor] = {}
    for edit in call.edits:
        changed |= edit.change({name: changed.get(name, found[name]) for name in edit.rows})
    mine = {name: _attended(new, call.row(name).v) for name, new in changed.items() if name in call.rows}
    answer = F.scaled_dot_product_attention(call.q, call.k, call.v, attn_mask=call.mask, **call.options)
    return call.overlaid(answer, mine)


def weights(call: Call, name: str) -> Tensor:  # (n, heads, positions, text tokens), float32 or better
    """Write out one row's cross-attention weights."""
    row = call.row(name)
    if call.options.get("is_causal") or call.options.get("dropout_p") or call.options.get("enable_gqa"):
        raise ValueError(f"{call.site.name} asks for attention that has no explicit form here: {dict(call.options)}")
    dtype = torch.promote_types(row.q.dtype, torch.float32)
    scale = call.options.get("scale") or row.q.shape[-1] ** -0.5
    logits = (row.q.to(dtype) * scale) @ row.k.to(dtype).transpose(-1, -2)
    if call.mask is not None:
        logits = logits + _bias(call, call.mask, name, dtype)
    return torch.softmax(logits, -1)


def _bias(call: Call, mask: Tensor, name: str, dtype: torch.dtype) -> Tensor:
    """Return what a row's mask adds to its logits."""
    if mask.dim() == 4 and len(mask) > 1:  # (len(rows) * n, heads or 1, positions or 1, keys): a mask for each row
        if name not in call.rows:
            raise ValueError(f"the row {name!r} is from a memory, which holds no masks")
        mask = mask.chunk(len(call.rows))[call.rows.index(name)]
    if mask.dtype == torch.bool:
        return torch.zeros_like(mask, dtype=dtype).masked_fill(~mask, -torch.inf)
    return mask.to(dtype)


def _attended(weights: Tensor, values: Tensor | None) -> Tensor:
    assert values is not None  # of a row in the batch
    return weights.to(values.dtype) @ values
