"""Convert torchvision's classifiers and write docs/converter-models.md: how exact each one is, and what it needed.

Every network goes three ways: as a PyTorch module, and as the two ONNX files that torch exports of it (opset 17 by the
old exporter, the newest by the new one); each is verified in torchcaffe and in real Caffe. The weights are random, the
statistics of BatchNorm those of one batch in training, so that nothing needs to be downloaded and no net explodes.

What is done is kept in docs/converter-models.jsonl, a line for each network and way, and not done again; the networks
run from the smallest to the largest. ``python tools/convert_torchvision.py resnet18 alexnet`` does these alone;
``--ways pytorch`` and ``--engines torchcaffe`` do less, ``--again`` forgets earlier results, ``--none`` only writes the
page.
"""

from __future__ import annotations

import json
import tempfile
import time
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated

import torch
import tyro
from torch import nn
from torchvision import models

from converters import Conversion, ConversionError, Verification, convert, verify
from converters.architectures import architecture
from converters.example_inputs import example_inputs
from converters.onnx.convert import convert_built
from converters.onnx.file import open_onnx
from converters.onnx.judge import judge
from converters.reference import captured_graph
from converters.registry import EXACTNESS, short_name
from prototxt.common.errors import InputError

DOCS = Path(__file__).resolve().parents[1] / "docs"
PAGE = DOCS / "converter-models.md"
RESULTS = DOCS / "converter-models.jsonl"
WAYS = {"pytorch": "PyTorch", "onnx17": "ONNX, opset 17", "onnx23": "ONNX, opset 23"}
ENGINES = {"torchcaffe": "torchcaffe", "caffe": "Caffe"}
TRANSFORMERS = ("vit_", "swin_", "maxvit")

HEAD = """# torchvision's classifiers

Made by `tools/convert_torchvision.py` of `converter-models.jsonl`; do not edit.

Random weights, statistics of BatchNorm from one batch, the input that the network was made for, two pictures at a time.
Each network goes three ways: as a PyTorch module, and as the ONNX files that torch exports of it, opset 17 with the
old exporter, 23 with the new one. ONNX files are judged by ONNX Runtime too, which had to agree within 1e-4.
The numbers are the largest difference of all layers, relative to the layer's largest value, between the engine and
PyTorch in float32. Where one is above the engine's bar (1e-5 for torchcaffe, 1e-4 for real Caffe) it has a star: there
each layer is at most twice as far from float64 as PyTorch itself is, or the network would not pass. The seconds are
those of the processor for the conversion without its verification. The last column names the operations that are no
single layer (`converter-operations.md`).

"""


@dataclass(frozen=True)
class Options:
    """Convert torchvision's classifiers and write docs/converter-models.md."""

    names: tyro.conf.Positional[tuple[str, ...]] = ()
    """Networks; by default all that have no attention."""
    ways: Annotated[str, tyro.conf.arg(metavar="WAYS")] = ",".join(WAYS)
    """pytorch, onnx17, onnx23, with commas between."""
    engines: Annotated[str, tyro.conf.arg(metavar="ENGINES")] = ",".join(ENGINES)
    """What to verify with, with commas between."""
    largest: float = float("inf")
    """Leave out networks with more millions of parameters."""
    again: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Convert those again that have a result."""
    none: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Convert nothing, and write the page of what is there."""


@dataclass(frozen=True)
class Outcome:
    """What came of one network on one way; ``failure`` is the error, if it has no conversion.

    Parameters
    ----------
    differences : largest relative difference by engine.
    by_truth : engines with layers above their bar that are as near to float64 as PyTorch.
    """

    name: str
    way: str
    parameters: float
    size: int
    layers: int = 0
    differences: dict[str, float] = field(default_factory=dict)
    by_truth: list[str] = field(default_factory=list)
    passes: bool = False
    tricks: list[str] = field(default_factory=list)
    seconds: float = 0.0
    failure: str = ""


def main() -> None:
    """Do what is not done yet, and write the page after each network."""
    options = tyro.cli(Options)
    engines = options.engines.split(",")
    for name in () if options.none else options.names or by_size():
        done = {(each.name, each.way): each for each in read()}
        ways = [way for way in options.ways.split(",") if options.again or not _covers(done.get((name, way)), engines)]
        if ways and parameters(name) <= options.largest:
            for outcome in convert_one(name, ways, engines):
                print(f"{outcome.name} {outcome.way}: {outcome.failure or outcome.differences}", flush=True)
                keep(outcome)
            write_page()
    write_page()


def by_size() -> list[str]:
    """Torchvision's classifiers without attention, the smallest first."""
    names = (name for name in models.list_models(module=models) if not name.startswith(TRANSFORMERS))
    return sorted(names, key=parameters)


def parameters(name: str) -> float:
    """Millions of parameters."""
    return next(iter(models.get_model_weights(name))).meta["num_params"] / 1e6


def _covers(outcome: Outcome | None, engines: Sequence[str]) -> bool:
    return outcome is not None and (bool(outcome.failure) or set(engines) <= set(outcome.differences))


def convert_one(name: str, ways: Iterable[str], engines: Sequence[str]) -> Iterator[Outcome]:
    """Convert a network on each way and verify it."""
    known = architecture(name)
    assert known is not None
    model = calibrated(name, known.input_shape)
    for way in ways:
        about = Outcome(name, way, round(parameters(name), 1), known.input_shape[-1])
        try:
            conversion, module, seconds, judged = _converted(model, known.input_shape, way)
            inputs = example_inputs(known.input_shape)[:2]
            verifications = [*judged, *verify(conversion, module, engines, inputs)]
        except InputError as error:
            kind = "cannot be converted" if isinstance(error, ConversionError) else "diverges"
            yield Outcome(**{**asdict(about), "failure": f"{kind}: {error}"})
            continue
        yield Outcome(
            **{
                **asdict(about),
                "layers": len(conversion.net.layer),
                "differences": {each.engine: float(f"{_worst(each):.2g}") for each in verifications},
                "by_truth": [each.engine for each in verifications if each.by_truth],
                "passes": all(each.diverging is None and each.layers for each in verifications),
                "tricks": tricks(conversion),
                "seconds": round(seconds, 1),
            }
        )


def _converted(
    model: nn.Module, shape: tuple[int, ...], way: str
) -> tuple[Conversion, nn.Module, float, list[Verification]]:
    """The conversion, the module that it is verified with, seconds, and ONNX Runtime's verdict."""
    started = time.process_time()
    if way == "pytorch":
        return convert(model, shape), model, time.process_time() - started, []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "net.onnx"
        export(model, shape, path, int(way.removeprefix("onnx")))
        started = time.process_time()
        file = open_onnx(path)
        built = file.build()
        conversion = convert_built(file, built, None, "", softmax=True)
        seconds = time.process_time() - started
        return conversion, built.module, seconds, judge(file, built.module)


def export(model: nn.Module, shape: tuple[int, ...], path: Path, opset: int) -> None:
    """Export to ONNX, with the old exporter where the new one knows no such opset."""
    new = opset >= 18
    more = {"verbose": False, "external_data": True} if new else {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        given = (torch.from_numpy(example_inputs(shape)[0]),)
        torch.onnx.export(model, given, str(path), opset_version=opset, dynamo=new, input_names=["data"], **more)


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


def read() -> list[Outcome]:
    """All results, the smallest network first."""
    lines = RESULTS.read_text(encoding="utf-8").splitlines() if RESULTS.exists() else []
    return [Outcome(**json.loads(line)) for line in lines]


def keep(outcome: Outcome) -> None:
    """Put a result among the others, in place of an earlier one."""
    known = {(each.name, each.way): each for each in read()} | {(outcome.name, outcome.way): outcome}
    ordered = sorted(known.values(), key=lambda each: (each.parameters, each.name, list(WAYS).index(each.way)))
    RESULTS.write_text("".join(json.dumps(asdict(each)) + "\n" for each in ordered), encoding="utf-8")


def write_page() -> None:
    """Write the page of all results."""
    PAGE.write_text(page(read()), encoding="utf-8")


def page(outcomes: Sequence[Outcome]) -> str:
    """The page's text."""
    networks: dict[str, dict[str, Outcome]] = {}
    for outcome in outcomes:
        networks.setdefault(outcome.name, {})[outcome.way] = outcome
    head = " | ".join(f"{way}: {', '.join(ENGINES.values())}" for way in WAYS.values())
    columns = f"| network | parameters | input | layers | {head} | seconds | no single layer |\n"
    rows = "".join(_row(ways) for ways in networks.values())
    return f"{HEAD}{_summary(networks)}\n{columns}{'|---' * (6 + len(WAYS))}|\n{rows}{_refused(outcomes)}"


def _summary(networks: dict[str, dict[str, Outcome]]) -> str:
    """How many pass, and what was not run yet or fails."""
    everything = by_size()
    lines = []
    for way, title in WAYS.items():
        run = [ways[way] for name in everything if way in (ways := networks.get(name, {}))]
        for engine, program in ENGINES.items():
            able = [each for each in run if engine in each.differences or each.failure]
            failed = [each.name for each in able if not each.passes]
            rest = len(everything) - len(able)
            lines.append(
                f"- {title}, {program}: {len(able) - len(failed)} of {len(everything)} pass"
                + (f", **{len(failed)} do not**: {', '.join(failed)}" if failed else "")
                + (f", {rest} are not run yet" if rest else "")
                + "\n"
            )
    missing = [name for name in everything if name not in networks]
    return "".join(lines) + (f"\nNot run at all yet: {', '.join(missing)}.\n" if missing else "")


def _row(ways: dict[str, Outcome]) -> str:
    """One line of the table."""
    some = [outcome for way in WAYS if (outcome := ways.get(way)) and not outcome.failure]
    if not some:
        return ""
    layers = dict.fromkeys(outcome.layers for outcome in some)
    seconds = ", ".join(f"{outcome.seconds:.1f}" for outcome in some)
    used = dict.fromkeys(trick for outcome in some for trick in outcome.tricks)
    cells = [some[0].name, f"{some[0].parameters} M", some[0].size, ", ".join(map(str, layers))]
    cells += [_cell(ways.get(way)) for way in WAYS] + [seconds, ", ".join(used)]
    return f"| {' | '.join(map(str, cells))} |\n"


def _cell(outcome: Outcome | None) -> str:
    """The differences of one way, in the order of the engines."""
    if outcome is None:
        return "not run yet"
    if outcome.failure:
        return "**fails**"
    found = ", ".join(
        f"{outcome.differences[engine]:.1e}{'*' if engine in outcome.by_truth else ''}"
        if engine in outcome.differences
        else "not run yet"
        for engine in ENGINES
    )
    return found if outcome.passes else f"**diverges**: {found}"


def _refused(outcomes: Sequence[Outcome]) -> str:
    lines = [f"- {each.name}, {WAYS[each.way]}: {each.failure}\n" for each in outcomes if each.failure]
    return f"\n## Not converted\n{''.join(lines)}" if lines else ""


def _worst(verification: Verification) -> float:
    return verification.worst.difference.relative if verification.worst else float("nan")


if __name__ == "__main__":
    main()
