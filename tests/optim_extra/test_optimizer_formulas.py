"""Every optimizer against its paper, transcribed here in float64 with no regard for speed."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

import hookloom_optim_extra as extra

SHAPES = [(3, 4), (5,), (), (2, 3, 2), (4, 3)]
STEPS = 7

Transcription = Callable[[list[Tensor], list[list[Tensor]], float, float], list[Tensor]]


def tensors(seed: int) -> list[Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(shape, generator=generator, dtype=torch.float64) for shape in SHAPES]


def norm(x: Tensor) -> Tensor:
    return (x * x).sum().sqrt()


def lamb(weights: list[Tensor], grads: list[list[Tensor]], lr: float, decay: float) -> list[Tensor]:
    for w, gs in zip(weights, zip(*grads, strict=True), strict=True):
        m, v = torch.zeros_like(w), torch.zeros_like(w)
        for t, g in enumerate(gs, 1):
            m = 0.8 * m + 0.2 * g
            v = 0.95 * v + 0.05 * g**2
            u = m / (1 - 0.8**t) / ((v / (1 - 0.95**t)).sqrt() + 1e-6) + decay * w
            w -= lr * (norm(w) / norm(u) if norm(w) > 0 and norm(u) > 0 else 1.0) * u
    return weights


def lars(weights: list[Tensor], grads: list[list[Tensor]], lr: float, decay: float) -> list[Tensor]:
    for w, gs in zip(weights, zip(*grads, strict=True), strict=True):
        v = torch.zeros_like(w)
        for g in gs:
            if w.ndim > 1:
                g = (g + decay * w) * 0.02 * norm(w) / (norm(g) + decay * norm(w))
            v = 0.8 * v + 0.9 * g
            w -= lr * v
    return weights


def lars_nesterov(weights: list[Tensor], grads: list[list[Tensor]], lr: float, decay: float) -> list[Tensor]:
    for w, gs in zip(weights, zip(*grads, strict=True), strict=True):
        v = torch.zeros_like(w)
        for g in gs:
            if w.ndim > 1:
                g = (g + decay * w) * 0.001 * norm(w) / (norm(g) + decay * norm(w))
            v = 0.8 * v + g
            w -= lr * (g + 0.8 * v)
    return weights


def adan(weights: list[Tensor], grads: list[list[Tensor]], lr: float, decay: float) -> list[Tensor]:
    for w, gs in zip(weights, zip(*grads, strict=True), strict=True):
        m, v, n, last = torch.zeros_like(w), torch.zeros_like(w), torch.zeros_like(w), gs[0]
        for t, g in enumerate(gs, 1):
            m = 0.9 * m + 0.1 * g
            v = 0.8 * v + 0.2 * (g - last)
            n = 0.95 * n + 0.05 * (g + 0.8 * (g - last)) ** 2
            u = m / (1 - 0.9**t) + 0.8 * v / (1 - 0.8**t)
            w.copy_((w - lr * u / ((n / (1 - 0.95**t)).sqrt() + 1e-8)) / (1 + lr * decay))
            last = g
    return weights


def ademamix(weights: list[Tensor], grads: list[list[Tensor]], lr: float, decay: float) -> list[Tensor]:
    for w, gs in zip(weights, zip(*grads, strict=True), strict=True):
        m1, m2, v = torch.zeros_like(w), torch.zeros_like(w), torch.zeros_like(w)
        for t, g in enumerate(gs, 1):
            alpha = min(t * 3.0 / 5, 3.0)
            # Appendix A.1 of the paper; from step t_beta3 on it is beta3.
            p, a, b = t / 4, math.log(0.8), math.log(0.99)
            beta3 = min(math.exp(a * b / ((1 - p) * b + p * a)), 0.99) if t < 4 else 0.99
            m1 = 0.8 * m1 + 0.2 * g
            m2 = beta3 * m2 + (1 - beta3) * g
            v = 0.95 * v + 0.05 * g**2
            u = (m1 / (1 - 0.8**t) + alpha * m2) / ((v / (1 - 0.95**t)).sqrt() + 1e-8)
            w -= lr * (u + decay * w)
    return weights


def mars(weights: list[Tensor], grads: list[list[Tensor]], lr: float, decay: float) -> list[Tensor]:
    for w, gs in zip(weights, zip(*grads, strict=True), strict=True):
        m, v, last = torch.zeros_like(w), torch.zeros_like(w), gs[0]
        for t, g in enumerate(gs, 1):
            c = g + 0.1 * 0.8 / (1 - 0.8) * (g - last)
            if norm(c) > 1:
                c = c / norm(c)
            m = 0.8 * m + 0.2 * c
            v = 0.95 * v + 0.05 * c**2
            u = m / (1 - 0.8**t) / ((v / (1 - 0.95**t)).sqrt() + 1e-8)
            w -= lr * (u + decay * w)
            last = g
    return weights


def adamw_of_one(w: Tensor, gs: tuple[Tensor, ...], lr: float, decay: float) -> None:
    m, v = torch.zeros_like(w), torch.zeros_like(w)
    for t, g in enumerate(gs, 1):
        m = 0.8 * m + 0.2 * g
        v = 0.95 * v + 0.05 * g**2
        w -= lr * (m / (1 - 0.8**t) / ((v / (1 - 0.95**t)).sqrt() + 1e-8) + decay * w)


def muon(weights: list[Tensor], grads: list[list[Tensor]], lr: float, decay: float) -> list[Tensor]:
    for w, gs in zip(weights, zip(*grads, strict=True), strict=True):
        if w.ndim < 2:
            adamw_of_one(w, gs, 0.5 * lr, decay)
            continue
        m = torch.zeros_like(w)
        for g in gs:
            m = 0.9 * m + 0.1 * g
            x = (0.9 * m + 0.1 * g).reshape(len(w), -1)
            x = x / (norm(x) + 1e-30)
            for _ in range(4):
                a = x @ x.T
                x = 3.4445 * x + (-4.775 * a + 2.0315 * a @ a) @ x
            w -= lr * (0.2 * math.sqrt(max(x.shape)) * x.reshape(w.shape) + decay * w)
    return weights


def soap(weights: list[Tensor], grads: list[list[Tensor]], lr: float, decay: float) -> list[Tensor]:
    for w, gs in zip(weights, zip(*grads, strict=True), strict=True):
        if w.ndim < 2:
            adamw_of_one(w, gs, lr, decay)
            continue
        letters = "abc"[: w.ndim]
        m, v = torch.zeros_like(w), torch.zeros_like(w)
        grams = [torch.zeros(size, size, dtype=w.dtype) for size in w.shape]
        bases: list[Tensor] = []

        def turn(x: Tensor, bases: list[Tensor], letters: str = letters) -> Tensor:
            for letter, basis in zip(letters, bases, strict=True):
                x = torch.einsum(f"{letters},{letter}z->{letters.replace(letter, 'z')}", x, basis)
            return x

        for t, g in enumerate(gs):
            if t:
                m = 0.8 * m + 0.2 * g
                v = 0.95 * v + 0.05 * turn(g, bases) ** 2
                n = turn(m, bases) / (1 - 0.8**t) / ((v / (1 - 0.95**t)).sqrt() + 1e-8)
                w -= lr * (turn(n, [basis.T for basis in bases]) + decay * w)
            for dim, letter in enumerate(letters):
                square = torch.einsum(f"{letters},{letters.replace(letter, 'z')}->{letter}z", g, g)
                grams[dim] = 0.9 * grams[dim] + 0.1 * square
            if not t:
                bases = [torch.linalg.eigh(gram).eigenvectors.flip(1) for gram in grams]
            elif t % 3 == 0:
                for dim, gram in enumerate(grams):
                    order = (bases[dim].T @ gram @ bases[dim]).diagonal().argsort(descending=True)
                    v = v.index_select(dim, order)
                    bases[dim] = torch.linalg.qr(gram @ bases[dim][:, order]).Q
    return weights


def prodigy_of_groups(grads: list[list[Tensor]]) -> list[Tensor]:
    """Both groups share the estimate, so they are one problem with a decay that differs by weight."""
    decays = [0.1, 0.1, 0.1, 0.0, 0.0]
    first, weights = tensors(0), tensors(0)
    m, v, s = ([torch.zeros_like(w) for w in weights] for _ in range(3))
    d, r, beta = 0.01, 0.0, math.sqrt(0.95)
    for gs in grads:
        gain = sum(float((g * (w0 - w)).sum()) for g, w0, w in zip(gs, first, weights, strict=True))
        for i, g in enumerate(gs):
            m[i] = 0.8 * m[i] + 0.2 * d * g
            v[i] = 0.95 * v[i] + 0.05 * d**2 * g**2
            s[i] = beta * s[i] + (1 - beta) * d**2 * g
            weights[i] -= d * (m[i] / (v[i].sqrt() + d * 1e-8) + decays[i] * weights[i])
        r = beta * r + (1 - beta) * d**2 * gain
        d = max(d, min(2.0 * r / sum(float(one.abs().sum()) for one in s), 1.5 * d))
    assert d > 0.01  # else the estimate would not be tested
    return weights


def average(
    weights: list[Tensor],
    grads: list[list[Tensor]],
    lr: float,
    beta: float,
    direction: Callable[[int, int, Tensor, Tensor], Tensor],
) -> list[Tensor]:
    """Algorithm 1 of the schedule-free paper with x stored; 4 steps of warm-up, r = 1, power 2."""
    for i, y in enumerate(weights):
        z, x, total, lr_max = y.clone(), y.clone(), 0.0, 0.0
        for t, gs in enumerate(grads, 1):
            rate = lr * min(1.0, t / 4)
            lr_max = max(lr_max, rate)
            total += t * lr_max**2
            c = t * lr_max**2 / total
            z = z - rate * direction(i, t, gs[i], y)
            x = (1 - c) * x + c * z
            y.copy_((1 - beta) * z + beta * x)
    return weights


def schedule_free_sgd(weights: list[Tensor], grads: list[list[Tensor]], lr: float, decay: float) -> list[Tensor]:
    return average(weights, grads, lr, 0.8, lambda i, t, g, y: g + decay * y)


def schedule_free_adamw(weights: list[Tensor], grads: list[list[Tensor]], lr: float, decay: float) -> list[Tensor]:
    v = [torch.zeros_like(w) for w in weights]

    def direction(i: int, t: int, g: Tensor, y: Tensor) -> Tensor:
        v[i] = 0.95 * v[i] + 0.05 * g**2
        return g / ((v[i] / (1 - 0.95**t)).sqrt() + 1e-8) + decay * y

    return average(weights, grads, lr, 0.8, direction)


BETAS = {"betas": (0.8, 0.95)}
AVERAGE = {"warmup_steps": 4, "r": 1.0, "weight_lr_power": 2.0}
CASES: list[tuple[str, dict[str, Any], Transcription | None]] = [
    ("LAMB", BETAS, lamb),
    ("LARS", {"momentum": 0.8, "dampening": 0.1, "trust_coefficient": 0.02}, lars),
    ("LARS", {"momentum": 0.8, "nesterov": True}, lars_nesterov),
    ("Adan", {"betas": (0.9, 0.8, 0.95)}, adan),
    ("AdEMAMix", {"betas": (0.8, 0.95, 0.99), "alpha": 3.0, "t_alpha": 5, "t_beta3": 4}, ademamix),
    ("MARS", {**BETAS, "gamma": 0.1}, mars),
    ("MuonAdamW", {**BETAS, "momentum": 0.9, "ns_steps": 4, "adamw_lr_ratio": 0.5}, muon),
    ("SOAP", {**BETAS, "shampoo_beta": 0.9, "precondition_frequency": 3}, soap),
    ("Prodigy", {**BETAS, "d0": 0.01, "d_coef": 2.0, "growth_rate": 1.5}, None),
    ("ScheduleFreeSGD", {**AVERAGE, "momentum": 0.8}, schedule_free_sgd),
    ("ScheduleFreeAdamW", {**AVERAGE, **BETAS}, schedule_free_adamw),
]


@pytest.mark.parametrize("foreach", [None, False])
@pytest.mark.parametrize("maximize", [False, True])
@pytest.mark.parametrize(
    ("name", "options", "transcription"), CASES, ids=lambda value: value if isinstance(value, str) else ""
)
def test_the_paper(
    name: str, options: dict[str, Any], transcription: Transcription | None, maximize: bool, foreach: bool | None
) -> None:
    params = [torch.nn.Parameter(value) for value in tensors(0)]
    decayed, free = params[:3], params[3:]
    kind = getattr(extra, name)
    lr = 1.0 if name == "Prodigy" else 0.05
    groups = [{"params": decayed}, {"params": free, "weight_decay": 0.0, "lr": lr if name == "Prodigy" else 0.03}]
    optimizer = kind(groups, lr=lr, weight_decay=0.1, maximize=maximize, foreach=foreach, **options)
    grads = [tensors(step) for step in range(1, 1 + STEPS)]
    if name == "Prodigy":  # gradients that agree, so that the estimate grows
        grads = [[grad + 2 * common for grad, common in zip(row, tensors(99), strict=True)] for row in grads]
    for row in grads:
        for param, grad in zip(params, row, strict=True):
            param.grad = grad.clone()
        optimizer.step()
        assert all(torch.equal(param.grad, grad) for param, grad in zip(params, row, strict=True))
    down = [[-grad for grad in row] for row in grads] if maximize else grads
    if transcription is None:
        expected = prodigy_of_groups(down)
    else:
        expected = transcription(tensors(0)[:3], [row[:3] for row in down], 0.05, 0.1)
        expected += transcription(tensors(0)[3:], [row[3:] for row in down], 0.03, 0.0)
    for param, value, start in zip(params, expected, tensors(0), strict=True):
        torch.testing.assert_close(param.detach(), value, rtol=1e-12, atol=1e-13)
        assert not torch.allclose(param.detach(), start, rtol=1e-4, atol=0)
