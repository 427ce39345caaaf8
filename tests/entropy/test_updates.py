"""Scaled updates of PyTorch's optimizers, against loops over the rows."""

import numpy as np
import pytest
import torch
from torch import nn

from entropy import PlanError, measure, plan, scale_updates
from entropy.scan_file import ScanTables

RATES = np.array([0.0, 0.25, 0.5, 1.0])
LR, DECAY, STEPS = 0.05, 0.1, 12
RNG = np.random.default_rng(0)
INPUTS, TARGETS = RNG.normal(size=(7, 3)), RNG.normal(size=(7, 4))
START, BIAS = RNG.normal(size=(4, 3)), RNG.normal(size=4)


class Momentum:
    """Plain SGD and SGD with momentum; decay as L2."""

    def __init__(self, momentum):
        self.momentum, self.velocity = momentum, 0.0

    def change(self, value, gradient, _step):
        self.velocity = self.momentum * self.velocity + gradient + DECAY * value
        return -LR * self.velocity


class Adam:
    """Kingma and Ba (2015), algorithm 1; decay as L2, or decoupled (Loshchilov and Hutter, 2019)."""

    def __init__(self, decoupled):
        self.decoupled, self.first, self.second = decoupled, 0.0, 0.0

    def change(self, value, gradient, step):
        if not self.decoupled:
            gradient = gradient + DECAY * value
        self.first = 0.9 * self.first + 0.1 * gradient
        self.second = 0.999 * self.second + 0.001 * gradient**2
        change = -LR * (self.first / (1 - 0.9**step)) / (np.sqrt(self.second / (1 - 0.999**step)) + 1e-8)
        return change - LR * DECAY * value if self.decoupled else change


OPTIMIZERS = {
    "SGD": (lambda p: torch.optim.SGD(p, LR, weight_decay=DECAY), lambda: Momentum(0.0)),
    "momentum": (lambda p: torch.optim.SGD(p, LR, 0.9, weight_decay=DECAY), lambda: Momentum(0.9)),
    "Adam": (lambda p: torch.optim.Adam(p, LR, weight_decay=DECAY), lambda: Adam(False)),
    "AdamW": (lambda p: torch.optim.AdamW(p, LR, weight_decay=DECAY), lambda: Adam(True)),
}


def reference(rule):
    """Each row's weights and bias in float64, one row after the other."""
    weights, biases = START.copy(), BIAS.copy()
    for row, rate in enumerate(RATES):
        of_weights, of_bias = rule(), rule()
        for step in range(1, STEPS + 1):
            error = (INPUTS @ weights[row] + biases[row] - TARGETS[:, row]) / len(INPUTS)
            moves = (
                of_weights.change(weights[row], error @ INPUTS, step),
                of_bias.change(biases[row], error.sum(), step),
            )
            weights[row] += rate * moves[0]
            biases[row] += rate * moves[1]
    return weights, biases


def model_of_rows():
    model = nn.Sequential(nn.Linear(3, 4)).double()
    with torch.no_grad():
        model[0].weight.copy_(torch.tensor(START))
        model[0].bias.copy_(torch.tensor(BIAS))
    return model


def step(model, optimizer):
    def closure():
        optimizer.zero_grad()
        error = model(torch.tensor(INPUTS)) - torch.tensor(TARGETS)
        loss = (error**2).sum() / (2 * len(INPUTS))
        loss.backward()
        return loss

    optimizer.step(closure)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_against_loops_over_the_rows(name):
    make, rule = OPTIMIZERS[name]
    model = model_of_rows()
    optimizer = make(model.parameters())
    scale_updates(optimizer, model, {"0": RATES})
    for _ in range(STEPS):
        step(model, optimizer)
    weights, biases = reference(rule)
    np.testing.assert_allclose(model[0].weight.detach(), weights, rtol=0, atol=1e-12)
    np.testing.assert_allclose(model[0].bias.detach(), biases, rtol=0, atol=1e-12)
    assert (model[0].weight[0] == torch.tensor(START)[0]).all()  # bit for bit
    assert (model[0].bias[0] == torch.tensor(BIAS)[0]).all()
    assert (np.abs(weights[1:] - START[1:]).max(axis=1) > 0.01).all()


@pytest.mark.parametrize(
    "kind", ["Adadelta", "Adafactor", "Adagrad", "Adamax", "ASGD", "LBFGS", "NAdam", "RAdam", "RMSprop", "Rprop"]
)
def test_every_optimizer_keeps_frozen_rows_and_scales_the_others(kind):
    scaled, plain = model_of_rows(), model_of_rows()
    for model in (scaled, plain):
        optimizer = getattr(torch.optim, kind)(model.parameters(), lr=LR)
        if model is scaled:
            scale_updates(optimizer, model, {"0": RATES})
        step(model, optimizer)
    start = torch.tensor(START)
    got, whole = scaled[0].weight.detach(), plain[0].weight.detach()
    change = whole - start
    torch.testing.assert_close(got - start, change * torch.tensor(RATES)[:, None], rtol=0, atol=1e-15)
    assert torch.equal(got[0], start[0])
    assert torch.equal(got[3], whole[3])
    assert change.abs().max() > 0


def test_convolutions_of_all_kinds_and_their_batch_norm():
    torch.manual_seed(0)
    model = nn.ModuleDict(
        {
            "conv": nn.Conv2d(3, 4, 3),
            "bn": nn.BatchNorm2d(4),
            "up": nn.ConvTranspose2d(6, 4, 2, groups=2, bias=False),
            "free": nn.Conv2d(3, 4, 3),
        }
    )
    before = {key: value.clone() for key, value in model.state_dict().items()}
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    rates = {"conv1": RATES, "up": RATES}
    scale_updates(optimizer, model, rates, {"conv1": ("conv", "bn")})
    for parameter in model.parameters():
        parameter.grad = torch.full_like(parameter, -1)
    optimizer.step()
    change = {
        key: value - before[key] for key, value in model.state_dict().items() if key in dict(model.named_parameters())
    }
    rows = torch.tensor(RATES, dtype=torch.float32)
    for key in ("conv.weight", "conv.bias", "bn.weight", "bn.bias"):
        expected = rows.reshape(-1, *[1] * (change[key].ndim - 1)).expand_as(change[key])
        torch.testing.assert_close(change[key], expected, msg=key)
    for channel in range(6):  # filter 2 g + c is column c of the inputs of group g
        for column in range(2):
            rate = rows[2 * (channel // 3) + column]
            torch.testing.assert_close(change["up.weight"][channel, column], rate.expand(2, 2))
    torch.testing.assert_close(change["free.weight"], torch.ones(4, 3, 3, 3))


def test_a_plan_by_module_names_and_the_end_of_the_scaling():
    means = np.random.default_rng(1).gamma(1, 1, (100, 4)).astype(np.float32)
    made = plan(measure(ScanTables({"0": means}), ["0"], bins=8), 5, levels=None)
    model = model_of_rows()
    optimizer = torch.optim.SGD(model.parameters(), LR)
    frozen = int(np.argmin(made.multipliers["0"]))
    with scale_updates(optimizer, model, made):
        step(model, optimizer)
    assert torch.equal(model[0].weight[frozen], torch.tensor(START)[frozen])
    step(model, optimizer)
    assert not torch.equal(model[0].weight[frozen], torch.tensor(START)[frozen])


def test_what_does_not_fit():
    model = nn.Sequential(nn.Linear(3, 4), nn.PReLU(), nn.Sequential(nn.Linear(4, 4)))
    optimizer = torch.optim.SGD(model.parameters(), LR)
    with pytest.raises(PlanError, match="no module 'conv1' for layer 'conv1'"):
        scale_updates(optimizer, model, {"conv1": RATES})
    with pytest.raises(PlanError, match=r"module '1': its weight \(1,\) is for 1 filters, but the plan has 4"):
        scale_updates(optimizer, model, {"0": RATES}, {"0": ("0", "1")})
    with pytest.raises(PlanError, match=r"module '2' \(Sequential\) has no parameter 'weight'"):
        scale_updates(optimizer, model, {"2": RATES})
    with pytest.raises(PlanError, match="one parameter, one rate"):
        scale_updates(optimizer, model, {"0": RATES, "again": RATES}, {"again": "0"})
    other = torch.optim.SGD(model[1].parameters(), LR)
    with pytest.raises(PlanError, match="holds no parameter"):
        scale_updates(other, model, {"0": RATES})
