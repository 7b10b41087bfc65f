"""Checks of parameters that are not the usual ones: other dtypes, layouts and shapes."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import Parameter

from core.testing.check import Suite, expect, offered
from core.testing.optimizer_options import gap
from core.testing.optimizer_subject import OptimizerSubject, closure_of
from core.testing.refusal import expect_clear, refusal
from core.testing.weights import copies, distance, finite, set_gradients, twins

TENSORS = Suite()
ROUNDING = {torch.float16: 0.02, torch.bfloat16: 0.1, torch.float64: 1e-4}


@TENSORS.check
def float64(s: OptimizerSubject) -> None:
    """Parameters of double precision go where those of single precision do, and stay what they are."""
    _same_way(s, torch.float64)


@TENSORS.check
def bfloat16(s: OptimizerSubject) -> None:
    """Parameters of dtype bfloat16 go where those of single precision do, up to rounding, and stay what they are."""
    _same_way(s, torch.bfloat16)


@TENSORS.check
def float16(s: OptimizerSubject) -> None:
    """Parameters of dtype float16 go where those of single precision do, up to rounding, and stay what they are."""
    _same_way(s, torch.float16)


@TENSORS.check
def mixed_dtypes(s: OptimizerSubject) -> None:
    """One group may hold parameters of single precision and of bfloat16."""
    params = [*s.weights((4, 3)), *s.weights((3, 5), dtype=torch.bfloat16), *s.weights((2, 2))]
    before = copies(params)
    s.trained(params)
    expect([one.dtype for one in params] == [one.dtype for one in before], "dtypes changed")
    expect(finite(params), "weights that are not finite")
    expect(not torch.equal(before[0], params[0]) and not torch.equal(before[2], params[2]), "weights stand still")


@TENSORS.check
def complex64(s: OptimizerSubject) -> None:
    """Complex parameters are trained, or refused with an error that says so."""
    params = s.weights((4, 3), dtype=torch.complex64)
    before = copies(params)
    error = refusal(lambda: s.trained(params))
    if error is not None:
        expect_clear(error, "complex")
        return
    expect(params[0].is_complex() and finite([torch.view_as_real(params[0])]), "weights that are not finite")
    expect(not torch.equal(before[0], params[0]), "weights stand still")


@TENSORS.check
def sparse(s: OptimizerSubject) -> None:
    """Sparse gradients are taken, or refused with an error that says so."""
    (param,) = s.weights((4, 3))
    optimizer = s.build([param])
    before = copies([param])

    def step() -> None:
        for _ in range(2):
            param.grad = None
            set_gradients([param])
            if param.grad is not None:
                param.grad = param.grad * torch.tensor([[1.0], [0.0], [1.0], [0.0]])
                param.grad = param.grad.to_sparse(1)
            optimizer.step((lambda: torch.zeros(())) if s.has("needs_closure") else None)

    error = refusal(step)
    if error is not None:
        expect_clear(error, "sparse")
        return
    expect(finite([param]), "weights that are not finite")
    expect(not torch.equal(before[0][0], param[0]), "the rows with a gradient stand still")


@TENSORS.check
def scalar(s: OptimizerSubject) -> None:
    """A parameter without dimensions is trained as one with a single element is."""
    scalars, vectors = s.weights((), (1,)), s.weights((1,), (1,))
    with torch.no_grad():
        vectors[0].copy_(scalars[0])
    s.trained(scalars)
    s.trained(vectors)
    expect(scalars[0].shape == (), f"its shape became {tuple(scalars[0].shape)}")
    expect(distance([scalars[0].reshape(1)], vectors[:1]) <= 1e-5, "it goes elsewhere")


@TENSORS.check
def empty(s: OptimizerSubject) -> None:
    """Parameters without elements are left alone, and the others are trained."""
    shapes = ((0, 3), (4, 3)) if s.has("needs_split") else ((0,), (0, 3), (4, 3))
    params = s.weights(*shapes)
    before = copies(params)
    s.trained(params)
    expect(finite(params) and not torch.equal(before[-1], params[-1]), "the other parameter stands still or is lost")


@TENSORS.check
def channels_last(s: OptimizerSubject) -> None:
    """A weight in channels_last is trained as a contiguous one is, and keeps its layout."""
    _same_layout(s, (2, 3, 4, 5), lambda weight: weight.to(memory_format=torch.channels_last))


@TENSORS.check
def noncontiguous(s: OptimizerSubject) -> None:
    """A transposed weight is trained as a contiguous one is, and keeps its layout."""
    _same_layout(s, (4, 3), lambda weight: weight.t().contiguous().t())


@TENSORS.check
def gradient_layout(s: OptimizerSubject) -> None:
    """A gradient in another layout than its weight does what a contiguous one does."""
    usual, other = s.weights((4, 3)), twins(s.weights((4, 3)))
    optimizer = s.build(other)
    s.trained(usual)

    def turned() -> Tensor:
        loss = closure_of(other)()
        for param in other:
            if param.grad is not None:
                param.grad = param.grad.t().contiguous().t()
        return loss

    for _ in range(3):
        if s.has("needs_closure"):
            optimizer.step(turned)
        else:
            turned()
            optimizer.step()
    expect(distance(usual, other) <= 1e-5, f"{gap(usual, other)}")


def _same_way(s: OptimizerSubject, dtype: torch.dtype) -> None:
    changes = {"lr": 0.05} if s.takes("lr") else {}
    params = s.weights(dtype=dtype)
    precise = [Parameter(one.float()) for one in copies(params)]
    s.trained(params, times=2, **changes)
    s.trained(precise, times=2, **changes)
    expect(all(one.dtype == dtype for one in params), f"they became {params[0].dtype}")
    expect(finite(params), "weights that are not finite")
    allowed = ROUNDING[dtype]
    expect(distance(params, precise) <= allowed, f"{gap(params, precise)}, allowed is {allowed:g}")


def _same_layout(s: OptimizerSubject, shape: tuple[int, ...], change: Callable[[Tensor], Tensor]) -> None:
    usual = s.weights(shape)
    other = [Parameter(change(one)) for one in copies(usual)]
    strides = other[0].stride()
    offered(strides != usual[0].stride(), "this shape has one layout only")
    s.trained(usual)
    s.trained(other)
    expect(other[0].stride() == strides, f"its strides became {other[0].stride()}")
    expect(distance(usual, other) <= 1e-5, f"{gap(usual, other)}")
