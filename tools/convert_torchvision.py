"""Convert torchvision's classifiers and write docs/converter-models.md: how exact each one is, and what it needed.

The weights are random, the statistics of BatchNorm those of one batch in training, so that nothing needs to be
downloaded and no net explodes. What is done is kept in a folder of results, one file for each network, and not done
again; the networks run from the smallest to the largest. ``python tools/convert_torchvision.py resnet18 alexnet`` does
these alone; ``--engines torchcaffe,caffe`` compares with real Caffe too; ``--again`` forgets earlier results.
"""

from __future__ import annotations

import json
import time
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import torch
import tyro
from torch import nn
from torchvision import models

from converters import Conversion, ConversionError, Verification, convert, verify
from converters.architectures import architecture
from converters.example_inputs import example_inputs
from converters.reference import captured_graph
from converters.registry import EXACTNESS, short_name
from prototxt.common.errors import InputError

PAGE = Path(__file__).resolve().parents[1] / "docs/converter-models.md"

HEAD = """# torchvision's classifiers

Made by `tools/convert_torchvision.py`; do not edit.

Random weights, statistics of BatchNorm from one batch, the input that the network was made for, two pictures at a time.
The difference is the largest of all layers, relative to the layer's largest value, between the engine and PyTorch in
float32. Where it is above the engine's bar (1e-5 for torchcaffe, 1e-4 for real Caffe) and the net passes all the same,
the layer is at most twice as far from float64 as PyTorch itself is. The last column names the operations that are no
single layer (`docs/converter-operations.md`).

"""


@dataclass(frozen=True)
class Options:
    """Convert torchvision's classifiers and write docs/converter-models.md."""

    names: tyro.conf.Positional[tuple[str, ...]] = ()
    """Networks; by default all."""
    results: Path = Path("build/converter-models")
    """Folder of what is done."""
    engines: Annotated[str, tyro.conf.arg(metavar="ENGINES")] = "torchcaffe"
    """What to verify with, with commas between."""
    largest: float = float("inf")
    """Leave out networks with more millions of parameters."""
    again: bool = False
    """Convert those again that have a result."""


@dataclass(frozen=True)
class Outcome:
    """What came of one network; ``failure`` is the error, if it has no conversion."""

    name: str
    parameters: float
    size: int
    layers: int = 0
    differences: dict[str, float] | None = None
    passes: bool = False
    tricks: tuple[str, ...] = ()
    seconds: float = 0.0
    failure: str = ""


def main() -> None:
    """Do what is not done yet, and write the page after each network."""
    options = tyro.cli(Options)
    options.results.mkdir(parents=True, exist_ok=True)
    for name in options.names or by_size():
        place = options.results / f"{name}.json"
        if place.exists() and not options.again:
            continue
        if parameters(name) <= options.largest:
            outcome = convert_one(name, options.engines.split(","))
            place.write_text(json.dumps(asdict(outcome), indent=2))
            print(row(outcome), flush=True)
            PAGE.write_text(page(read(options.results)), encoding="utf-8")
    PAGE.write_text(page(read(options.results)), encoding="utf-8")


def by_size() -> list[str]:
    """Torchvision's classifiers, the smallest first."""
    return sorted(models.list_models(module=models), key=parameters)


def parameters(name: str) -> float:
    """Millions of parameters."""
    return next(iter(models.get_model_weights(name))).meta["num_params"] / 1e6


def convert_one(name: str, engines: Sequence[str]) -> Outcome:
    """Convert a network and verify it."""
    known = architecture(name)
    assert known is not None
    size = known.input_shape[-1]
    model = calibrated(name, known.input_shape)
    started = time.process_time()
    try:
        conversion = convert(model, known.input_shape)
        seconds = time.process_time() - started
        inputs = example_inputs(known.input_shape)[:2]
        verifications = verify(conversion, model, engines, inputs)
    except InputError as error:
        kind = "cannot be converted" if isinstance(error, ConversionError) else "diverges"
        return Outcome(name, parameters(name), size, failure=f"{kind}: {error}")
    return Outcome(
        name=name,
        parameters=parameters(name),
        size=size,
        layers=len(conversion.net.layer),
        differences={each.engine: _worst(each) for each in verifications},
        passes=all(each.diverging is None for each in verifications),
        tricks=tuple(tricks(conversion)),
        seconds=seconds,
    )


def calibrated(name: str, shape: tuple[int, ...]) -> nn.Module:
    """The network with random weights, and statistics of BatchNorm from one batch."""
    torch.manual_seed(0)
    known = architecture(name)
    assert known is not None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = known.build({})
    norms = [module for module in model.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = None
    if norms:
        model.train()
        with torch.no_grad():
            model(torch.from_numpy(example_inputs((4, *shape[1:]))[0]))
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    return model.eval()


def tricks(conversion: Conversion) -> list[str]:
    """Names of the operations that became more than one layer."""
    used = {str(node.target) for node in captured_graph(conversion).graph.graph.nodes if node.op == "call_function"}
    return sorted({short_name(op) for op in used if op in EXACTNESS and EXACTNESS[op].status != "exact"})


def read(folder: Path) -> list[Outcome]:
    """All results, the smallest network first."""
    found = [Outcome(**json.loads(path.read_text())) for path in folder.glob("*.json")]
    return sorted(found, key=lambda outcome: (outcome.parameters, outcome.name))


def page(outcomes: Iterable[Outcome]) -> str:
    """The page's text."""
    outcomes = list(outcomes)
    head = "| network | parameters | input | layers | largest difference | seconds | no single layer |\n"
    rows = "".join(row(outcome) + "\n" for outcome in outcomes if not outcome.failure)
    refused = "".join(f"- {outcome.name} {outcome.failure}\n" for outcome in outcomes if outcome.failure)
    passed = sum(outcome.passes for outcome in outcomes)
    return f"{HEAD}{passed} of {len(outcomes)} that were run pass.\n\n{head}|---|---|---|---|---|---|---|\n{rows}" + (
        f"\n## Not converted\n{refused}" if refused else ""
    )


def row(outcome: Outcome) -> str:
    """One line of the table."""
    if outcome.failure:
        return f"{outcome.name}: {outcome.failure}"
    worst = ", ".join(f"{engine} {value:.1e}" for engine, value in (outcome.differences or {}).items())
    verdict = worst if outcome.passes else f"**diverges**: {worst}"
    cells = (
        outcome.name,
        f"{outcome.parameters:.1f} M",
        outcome.size,
        outcome.layers,
        verdict,
        f"{outcome.seconds:.1f}",
        ", ".join(outcome.tricks),
    )
    return f"| {' | '.join(map(str, cells))} |"


def _worst(verification: Verification) -> float:
    assert verification.worst is not None
    return verification.worst.difference.relative


if __name__ == "__main__":
    main()
