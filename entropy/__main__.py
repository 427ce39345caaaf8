"""``python -m entropy measure | plan | plot | write | check | merge | replan``."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Annotated, Literal, TypeVar

import tyro
from tqdm import tqdm

from entropy import checking, merging, planning, replanning, reporting, writing
from entropy.binning import Rule, Scope
from entropy.bootstrap import DEFAULT_CONFIDENCE
from entropy.errors import PlanError
from entropy.histograms import DEFAULT_BINS, DEFAULT_QUANTILE
from entropy.measurement import measure
from entropy.measures import MeasureName
from entropy.quantize import DEFAULT_LEVELS
from entropy.scan_file import Kept
from entropy.solver_file import SolverSettings
from entropy.table_files import check_ending, read_table, write_table
from entropy.task import Task, TaskOptions
from prototxt.common.errors import errors_as_sentences

T = TypeVar("T")
# A dataclass of options whose flags carry no prefix.
Flat = Annotated[T, tyro.conf.OmitArgPrefixes]


def measure_command(
    scan: tyro.conf.Positional[Path],
    out: Path = Path("entropy.csv"),
    layers: tuple[str, ...] = (),
    bins: int | Rule = DEFAULT_BINS,
    width: float | None = None,
    quantile: float = DEFAULT_QUANTILE,
    scope: Scope = "layer",
    before_activation: bool = False,
    kept: Kept = "auto",
    resamples: int = 0,
    confidence: float = DEFAULT_CONFIDENCE,
    seed: int = 0,
) -> None:
    """Measure H of every filter from a scan, and write it as a table.

    Parameters
    ----------
    scan
        scan.h5, from deepvis scan.
    out
        the table, CSV or HDF5 (.h5).
    layers
        layers to measure (default: all convolutions).
    bins
        bins of the histograms: a number, or a rule of NumPy's.
    width
        of a bin, in place of their number.
    quantile
        upper end of their range, as a quantile of the mean activations.
    scope
        whose mean activations make the range.
    before_activation
        use the means before the activation function.
    kept
        measure the scan's table of means, or its histograms of them (auto: the table where it is there).
    resamples
        resampled data sets for a bootstrap confidence interval of each H, such as 1000 (default: no intervals).
    confidence
        of the intervals.
    seed
        of the resampling.
    """
    check_ending(out)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        table = measure(
            scan,
            layers or None,
            bins=bins,
            width=width,
            quantile=quantile,
            scope=scope,
            after=not before_activation,
            kept=kept,
            resamples=resamples,
            confidence=confidence,
            seed=seed,
            progress=_layer_bar,
        )
    write_table(table, out)
    print(reporting.describe_table(table))
    for warning in caught:
        print(f"note: {warning.message}")
    print(f"wrote {out}")


def _layer_bar(names: Sequence[str]) -> Iterable[str]:
    return tqdm(names, "measuring", unit=" layers", disable=None)


def plan_command(
    table: tyro.conf.Positional[Path],
    method: int | None = None,
    function: str | None = None,
    out: Path = Path("plan.json"),
    by: MeasureName = "entropy",
    seed: int = 0,
    weights: Path | None = None,
    threshold: float | None = None,
    share: float | None = None,
    quantile: float | None = None,
    quantile_of: Literal["network", "layer"] = "network",
    hmax: planning.HmaxName | None = None,
    levels: int = DEFAULT_LEVELS,
    exact: bool = False,
) -> None:
    """Give every filter a learning-rate multiplier.

    Parameters
    ----------
    table
        entropy.csv (or .h5), from measure.
    method
        1-3 free filters below a threshold of H; 4-6 are soft functions of H / Hmax.
    function
        an expression over H, Hmax and th in place of a method, such as "where(H < th, 1, 0.1)".
    out
        the plan, JSON.
    by
        what takes the place of H, for comparison.
    seed
        of random numbers.
    weights
        the caffemodel that was scanned (only for weight magnitudes).
    threshold
        bits, or the unit of what takes the place of H (methods 1-3, functions of th).
    share
        share of free filters to solve the threshold for (default: 0.40, 0.15, 0.085).
    quantile
        quantile of H to take as threshold.
    quantile_of
        whose quantile: one threshold for the network, or one for each layer.
    hmax
        whose largest H is Hmax (methods 4-6, functions of Hmax); or the largest that the bins allow.
    levels
        most different multipliers per layer.
    exact
        keep every multiplier; one Caffe layer for each.
    """
    made = planning.plan(
        read_table(table),
        method,
        function=function,
        by=by,
        seed=seed,
        weights=weights,
        threshold=threshold,
        share=share,
        quantile=quantile,
        quantile_of=quantile_of,
        hmax=hmax,
        levels=None if exact else levels,
    )
    made.write(out)
    print(reporting.describe_plan(made))
    print(f"wrote {out}")


def plot_command(
    table: tyro.conf.Positional[Path],
    out: Path = Path("figures"),
    scan: Path | None = None,
    units: tuple[tuple[str, int], ...] = (),
    plan: Path | None = None,
    format: Literal["png", "svg", "pdf"] = "png",
) -> None:
    """Draw H per layer with the thresholds, the transfer functions, and histograms of units.

    Parameters
    ----------
    table
        entropy.csv (or .h5), from measure.
    out
        folder of the pictures.
    scan
        the scan.h5 that was measured, for histograms.
    units
        layer and number of each unit whose histogram is drawn (default: smallest and largest H of the first layer).
    plan
        plan.json whose thresholds are drawn (default: those of methods 1-3).
    format
        of the pictures.
    """
    from entropy import figures  # matplotlib takes a second to import

    read = read_table(table)
    if units and scan is None:
        raise PlanError("histograms of units need the scan that was measured: give --scan")
    made = {
        "distributions": figures.draw_distributions(read, None if plan is None else planning.read_plan(plan)),
        "hard_functions": figures.draw_hard_functions(read),
        "soft_functions": figures.draw_soft_functions(),
    }
    if scan is not None:
        made["histograms"] = figures.draw_histograms(read, scan, units or figures.extreme_units(read))
    for name, figure in made.items():
        figures.save(figure, out / f"{name}.{format}")
        print(f"wrote {out / f'{name}.{format}'}")


def write_command(
    plan: tyro.conf.Positional[Path],
    net: Path,
    weights: Path,
    out: Path,
    images: Path | None = None,
    head: str | None = None,
    task: Flat[TaskOptions] = TaskOptions(),  # noqa: B008 - frozen
    solver: Flat[SolverSettings] = SolverSettings(),  # noqa: B008 - frozen
    solver_file: Path | None = None,
    bias_lr: float = 2.0,
    bias_decay: float = 0.0,
) -> None:
    """Write the folder that stock Caffe trains in.

    Parameters
    ----------
    plan
        plan.json.
    net
        the deploy net that was scanned, with a task; or a train_val net as it is.
    weights
        its caffemodel.
    out
        the folder.
    images
        list of the new task's training pictures, "path label" lines (with a deploy net).
    head
        name of the new classifier layer (with a deploy net).
    task
        more about the new task.
    solver
        how to train.
    solver_file
        a solver.prototxt in place of the solver settings.
    bias_lr
        lr_mult of biases about which the net says nothing.
    bias_decay
        decay_mult of these.
    """
    if (images is None) != (head is None):
        raise PlanError("a new task needs both --images and --head")
    whole = None if images is None or head is None else Task(images=images, head=head, **vars(task))
    written = writing.write(
        plan,
        net,
        weights,
        solver_file or solver,
        out=out,
        task=whole,
        bias_lr=bias_lr,
        bias_decay=bias_decay,
        progress=_bar,
    )
    print(reporting.describe_written(written))


def _bar(entries: Sequence[T]) -> Iterable[T]:
    return tqdm(entries, "copying pictures", unit=" pictures", disable=None)


def check_command(where: tyro.conf.Positional[Path], weights: Path | None = None, caffe: bool = True) -> None:
    """Check that a written folder trains what it should, in torchcaffe and, where installed, in real Caffe.

    Parameters
    ----------
    where
        the folder.
    weights
        the caffemodel to start from (default: the folder's split.caffemodel).
    caffe
        run real Caffe too.
    """
    engines = []
    for loss in tqdm(checking.checking(where, weights, use_caffe=caffe), "checking", unit=" engines", disable=None):
        engines.append(loss.engine)
        tqdm.write(reporting.describe_loss(loss))
    if "caffe" not in engines and caffe:
        print("real Caffe is not installed (make caffe); only torchcaffe was asked")
    print(f"{where}: every layer of the split net has its weights; ready to train")


def merge_command(
    snapshot: tyro.conf.Positional[Path],
    where: Path,
    out: Path = Path("merged.caffemodel"),
    net: Path | None = None,
    weights: Path | None = None,
    state: Path | None = None,
) -> None:
    """Put a snapshot of a split net together into an ordinary caffemodel.

    Parameters
    ----------
    snapshot
        caffemodel of the trained split net.
    where
        the folder that write made.
    out
        the result.
    net
        the source deploy net, to get its own head on the trained trunk.
    weights
        its caffemodel.
    state
        solver state of the snapshot, to put its momentum together too.
    """
    print(reporting.describe_merged(merging.merge(where, snapshot, out, net=net, weights=weights, state=state)))


def replan_command(
    folder: tyro.conf.Positional[Path],
    plan: tyro.conf.Positional[Path],
    snapshot: Path,
    out: Path,
    weights: Path | None = None,
) -> None:
    """Go on with a training by a new plan: a snapshot's weights and momentum, split again.

    Parameters
    ----------
    folder
        the folder that write made, where training was.
    plan
        the new plan.json, made for the merged snapshot.
    snapshot
        solver state of the split net, split_iter_N.solverstate; its caffemodel beside it.
    out
        the new folder.
    weights
        the caffemodel that was scanned for the plan (default: the snapshot, merged without a source net).
    """
    print(reporting.describe_written(replanning.replan(folder, plan, snapshot, out=out, weights=weights)))


COMMANDS: dict[str, Callable[..., None]] = {
    "measure": measure_command,
    "plan": plan_command,
    "plot": plot_command,
    "write": write_command,
    "check": check_command,
    "merge": merge_command,
    "replan": replan_command,
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command; a mistake of the user ends with one sentence and exit code 2."""
    with errors_as_sentences("entropy"):
        tyro.extras.subcommand_cli_from_dict(COMMANDS, prog="python -m entropy", args=arguments)


if __name__ == "__main__":
    main()
