"""Scaled updates of PyTorch's optimizers, against loops over the rows."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

from converters import convert
from converters.files import write_conversion
from entropy import PlanError, measure, plan, scale_updates
from entropy.measuring.scan_file import ScanTables

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


# Every optimizer of torch.optim, so that a new one is tested or named here; SparseAdam takes sparse gradients only.
KINDS = sorted(
    name
    for name, kind in vars(torch.optim).items()
    if isinstance(kind, type) and issubclass(kind, torch.optim.Optimizer) and name not in ("Optimizer", "SparseAdam")
)
VARIANTS = [(kind, {}) for kind in KINDS] + [
    ("SGD", {"momentum": 0.9, "nesterov": True, "foreach": True}),
    ("SGD", {"momentum": 0.9, "fused": True}),
    ("Adam", {"foreach": True, "amsgrad": True}),
    ("Adam", {"fused": True}),
    ("AdamW", {"fused": True}),
    ("RMSprop", {"foreach": True, "centered": True, "momentum": 0.9}),
    ("LBFGS", {"line_search_fn": "strong_wolfe"}),
]


@pytest.mark.parametrize(("kind", "options"), VARIANTS)
def test_every_optimizer_keeps_frozen_rows_and_scales_the_others(kind, options):
    """Each step, beside a plain one that starts where the scaled model stands, with the same state."""
    scaled = model_of_rows()
    scaled[0].bias.requires_grad_(kind != "Muon")  # which takes matrices only
    parameters = [parameter for parameter in scaled.parameters() if parameter.requires_grad]
    optimizer = getattr(torch.optim, kind)(parameters, lr=LR, **options)
    scale_updates(optimizer, scaled, {"0": RATES})
    start = torch.tensor(START)
    for _ in range(3):
        plain = copy.deepcopy(scaled)
        copies = [parameter for parameter in plain.parameters() if parameter.requires_grad]
        other = getattr(torch.optim, kind)(copies, lr=LR, **options)
        for parameter, copied in zip(parameters, copies, strict=True):
            if parameter in optimizer.state:
                other.state[copied] = copy.deepcopy(optimizer.state[parameter])
        before = scaled[0].weight.detach().clone()
        step(plain, other)
        step(scaled, optimizer)
        got, whole = scaled[0].weight.detach(), plain[0].weight.detach()
        change = whole - before
        torch.testing.assert_close(got - before, change * torch.tensor(RATES)[:, None], rtol=0, atol=1e-14)
        assert torch.equal(got[0], start[0])
        assert torch.equal(got[3], whole[3])
        assert change.abs().max() > 0


def test_sparse_gradients():
    model = nn.Sequential(nn.Embedding(4, 3, sparse=True))
    start = model[0].weight.detach().clone()
    optimizer = torch.optim.SparseAdam(model.parameters(), lr=LR)
    scale_updates(optimizer, model, {"0": RATES})
    for _ in range(2):
        optimizer.zero_grad()
        model(torch.tensor([0, 1, 3])).sum().backward()
        optimizer.step()
    moved = (model[0].weight.detach() - start).abs().amax(1)
    assert moved[0] == moved[2] == 0  # frozen; without a gradient
    torch.testing.assert_close(moved[1], moved[3] / 4)


def test_a_training_that_is_resumed_has_the_same_bits(tmp_path):
    def made():
        model = model_of_rows()
        optimizer = torch.optim.AdamW(model.parameters(), LR, weight_decay=DECAY)
        return model, optimizer, torch.optim.lr_scheduler.StepLR(optimizer, 2, 0.5)

    def train(model, optimizer, schedule, steps):
        for _ in range(steps):
            step(model, optimizer)
            schedule.step()

    whole = made()
    scale_updates(whole[1], whole[0], {"0": RATES})
    train(*whole, 6)
    first = made()
    scale_updates(first[1], first[0], {"0": RATES})
    train(*first, 3)
    torch.save([each.state_dict() for each in first], tmp_path / "checkpoint.pt")
    again = made()
    scaled = scale_updates(again[1], again[0], {"0": RATES})
    for each, state in zip(again, torch.load(tmp_path / "checkpoint.pt", weights_only=True), strict=True):
        each.load_state_dict(state)
    train(*again, 3)
    assert torch.equal(again[0][0].weight, whole[0][0].weight)
    assert torch.equal(again[0][0].weight[0], torch.tensor(START)[0])
    scaled.remove()


def test_a_step_that_the_grad_scaler_skips_changes_nothing():
    model = model_of_rows().float()
    start = model[0].weight.detach().clone()
    optimizer = torch.optim.Adam(model.parameters(), LR)
    scale_updates(optimizer, model, {"0": RATES})
    scaler = torch.amp.GradScaler("cpu", init_scale=8.0)
    for gradient, moves in ((torch.inf, False), (1.0, True)):
        optimizer.zero_grad()
        loss = (model(torch.ones(2, 3)) * gradient).sum()
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
        change = (model[0].weight.detach() - start).abs().amax(1)
        assert change[0] == 0
        assert bool(change[3] > 0) == moves
    torch.testing.assert_close(change, change[3] * torch.tensor(RATES, dtype=torch.float32), rtol=1e-4, atol=0)


def test_parameter_groups_also_those_that_come_later():
    model = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 4))
    start = [layer.weight.detach().clone() for layer in model]
    optimizer = torch.optim.SGD([{"params": model[0].weight, "lr": 1.0}, {"params": model[0].bias, "lr": 0.5}])
    scale_updates(optimizer, model, {"0": RATES, "1": RATES[::-1].copy()})

    def step_by_ones():
        for parameter in model.parameters():
            parameter.grad = torch.full_like(parameter, -1)
        optimizer.step()

    bias = model[0].bias.detach().clone()
    step_by_ones()
    rows = torch.tensor(RATES, dtype=torch.float32)
    torch.testing.assert_close(model[0].weight - start[0], rows[:, None].expand(4, 3))
    torch.testing.assert_close(model[0].bias - bias, 0.5 * rows)
    assert torch.equal(model[1].weight, start[1])
    optimizer.add_param_group({"params": model[1].parameters(), "lr": 1.0})
    step_by_ones()
    torch.testing.assert_close(model[1].weight - start[1], rows.flip(0)[:, None].expand(4, 4))


@pytest.mark.parametrize("wrap", [lambda model: torch.compile(model, backend="eager"), nn.DataParallel])
def test_a_model_that_is_compiled_or_wrapped(wrap):
    plain, model = model_of_rows(), model_of_rows()
    wrapped = wrap(model)
    for each, trained in ((plain, plain), (wrapped, model)):
        optimizer = torch.optim.SGD(each.parameters(), LR, 0.9)
        scale_updates(optimizer, each, {"0": RATES})
        for _ in range(2):
            step(each, optimizer)
        assert torch.equal(trained[0].weight[0], torch.tensor(START)[0])
    assert torch.equal(model[0].weight, plain[0].weight)


def test_a_compiled_module_within_a_model():
    model = model_of_rows()
    model[0] = torch.compile(model[0], backend="eager")
    optimizer = torch.optim.SGD(model.parameters(), LR)
    scale_updates(optimizer, model, {"0": RATES})
    step(model, optimizer)
    assert torch.equal(model[0].weight[0], torch.tensor(START)[0])
    assert not torch.equal(model[0].weight[1], torch.tensor(START)[1])


def test_shared_parameters_have_one_rate():
    model = nn.ModuleDict({"a": nn.Linear(4, 4), "b": nn.Linear(4, 4)})
    model["b"].weight = model["a"].weight
    optimizer = torch.optim.SGD(model.parameters(), LR)
    with pytest.raises(PlanError, match="module 'b': another layer shares its parameters, with other rates"):
        scale_updates(optimizer, model, {"a": RATES, "b": RATES / 2})
    start = model["a"].weight.detach().clone()
    with scale_updates(optimizer, model, {"a": RATES, "b": RATES}):
        for parameter in model.parameters():
            parameter.grad = torch.full_like(parameter, -1)
        optimizer.step()
    rows = torch.tensor(RATES, dtype=torch.float32)[:, None]
    torch.testing.assert_close(model["b"].weight - start, (LR * rows).expand(4, 4))


def test_rates_do_not_multiply_when_asked_for_twice():
    model = model_of_rows()
    optimizer = torch.optim.SGD(model.parameters(), LR)
    first = scale_updates(optimizer, model, {"0": RATES})
    with pytest.raises(PlanError, match="scaled already"):
        scale_updates(optimizer, model, {"0": RATES})
    first.remove()
    scale_updates(optimizer, model, {"0": RATES})


class Normalised(nn.Module):
    """A net whose Caffe layers have other names than its modules, when it is converted so."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.PReLU(4))
        self.last = nn.Linear(4 * 36, 2)

    def forward(self, pictures):
        return self.last(self.stem(pictures).flatten(1))


def test_the_names_of_a_conversion(tmp_path):
    torch.manual_seed(0)
    model = Normalised().eval()
    conversion = convert(model, (1, 3, 8, 8), names={"stem.0": "conv1", "last": "fc"})
    write_conversion(tmp_path, "net", conversion, {})
    start = {name: value.detach().clone() for name, value in model.named_parameters()}
    optimizer = torch.optim.SGD(model.parameters(), 1.0)
    with pytest.raises(PlanError, match="no layer 'conv9'; is the plan one for it"):
        scale_updates(optimizer, model, {"conv9": RATES}, tmp_path)
    scale_updates(optimizer, model, {"conv1": RATES}, tmp_path)
    for parameter in model.parameters():
        parameter.grad = torch.full_like(parameter, -1)
    optimizer.step()
    rows = torch.tensor(RATES, dtype=torch.float32)
    for name, value in model.named_parameters():
        change = (
            (value.detach() - start[name]).flatten(1) if value.ndim > 1 else (value.detach() - start[name])[:, None]
        )
        expected = rows[:, None] if name.startswith("stem") else torch.ones(1)
        torch.testing.assert_close(change, expected.expand_as(change), msg=name)


def test_rates_are_exact_unless_caffes_are_wanted():
    means = np.random.default_rng(1).gamma(1, 1, (100, 4)).astype(np.float32)
    made = plan(measure(ScanTables({"0": means}), ["0"], bins=8), 6, levels=3)
    assert made.layers["0"].requested != made.layers["0"].realised
    for exact, rates in ((True, made.layers["0"].requested), (False, made.layers["0"].realised)):
        model = model_of_rows()
        optimizer = torch.optim.SGD(model.parameters(), 1.0)
        scale_updates(optimizer, model, made, exact=exact)
        for parameter in model.parameters():
            parameter.grad = torch.full_like(parameter, -1)
        optimizer.step()
        change = model[0].weight.detach() - torch.tensor(START)
        torch.testing.assert_close(
            change, torch.tensor(rates, dtype=torch.float64)[:, None].expand(4, 3), atol=1e-12, rtol=0
        )


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
    with pytest.raises(PlanError, match="another layer shares its parameters"):
        scale_updates(optimizer, model, {"0": RATES, "again": RATES / 2}, {"again": "0"})
    other = torch.optim.SGD(model[1].parameters(), LR)
    with pytest.raises(PlanError, match="holds no parameter"):
        scale_updates(other, model, {"0": RATES})
