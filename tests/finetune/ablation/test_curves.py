"""Orders and curves: which filters are silenced, what is computed again after a stop, what a file holds."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import spearmanr

from finetune.ablation.curves import EACH, WHOLE, Ablation, Curve, computing_curves, read_curves
from finetune.ablation.order import first_of, first_of_each, order_of
from finetune.ablation.silencing import SilencedNet
from finetune.ablation.statistics import rank_correlation, standings
from finetune.tasks.pixels import blobs
from prototxt.common.progress import with_bar

ABLATION = Ablation(("entropy", "-entropy", "weight", "taylor"), 3, (0.25, 0.5, 1.0), (WHOLE, EACH, "left"))


def test_lowest_and_highest_first(table) -> None:
    order = order_of(table, "entropy")
    assert np.all(np.diff(table.h[order]) >= 0)
    assert np.all(np.diff(table.h[order_of(table, "-entropy")]) <= 0)
    assert sorted(order) == list(range(len(table)))


def test_random_orders_differ_by_seed_and_not_from_call_to_call(table) -> None:
    assert np.array_equal(order_of(table, "random", seed=1), order_of(table, "random", seed=1))
    assert not np.array_equal(order_of(table, "random", seed=1), order_of(table, "random", seed=2))


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_shares_of_the_net_and_of_every_layer(table, share: float) -> None:
    order = order_of(table, "mean")
    whole = first_of(table, order, share)
    assert sum(mask.sum() for mask in whole.values()) == round(share * len(table))
    each = first_of_each(table, order, share)
    assert {name: mask.sum() for name, mask in each.items()} == {
        name: round(share * (table.layer == name).sum()) for name in table.layers
    }
    left = first_of(table, order, share, "left")["left"]
    means = table.of_layer("left")["mean"]
    assert not left.any() or left.all() or means[left].max() <= means[~left].min()


def curves(model, part, table, out: Path) -> list[Curve]:
    net = SilencedNet(model, blobs(part.images, model.preprocessing))
    return with_bar(computing_curves(ABLATION, net, part.labels, table, out), quiet=True)


def test_a_stopped_study_goes_on_behind_the_last_whole_curve(model, part, table, tmp_path: Path) -> None:
    whole = curves(model, part, table, tmp_path / "whole.jsonl")
    assert [curve.key for curve in whole] == list(ABLATION.curves())
    lines = (tmp_path / "whole.jsonl").read_text().splitlines(keepends=True)
    (tmp_path / "stopped.jsonl").write_text("".join(lines[:4]) + lines[4][:20])
    assert curves(model, part, table, tmp_path / "stopped.jsonl") == whole
    assert {curve.key: curve for curve in read_curves(tmp_path / "stopped.jsonl")} == {
        curve.key: curve for curve in whole
    }


def test_with_all_filters_silent_every_measure_gives_the_same(model, part, table, tmp_path: Path) -> None:
    ends = {
        curve.accuracy[-1] for curve in curves(model, part, table, tmp_path / "curves.jsonl") if curve.scope == WHOLE
    }
    assert len(ends) == 1


def test_curves_of_other_shares_are_computed_again(model, part, table, tmp_path: Path) -> None:
    file = tmp_path / "curves.jsonl"
    curves(model, part, table, file)
    changed = [json.loads(line) | {"shares": [0.1]} for line in file.read_text().splitlines()]
    file.write_text("".join(json.dumps(line) + "\n" for line in changed))
    assert all(curve.shares == ABLATION.shares for curve in curves(model, part, table, file))


def curve(measure: str, kept: float, seed: int = 0) -> Curve:
    return Curve(measure, WHOLE, seed, (0.5,), (kept,))


def test_a_measure_is_better_only_where_fewer_than_one_random_order_in_twenty_keeps_as_much() -> None:
    random = [curve("random", 0.5 + 0.01 * seed, seed) for seed in range(20)]
    found = {each.measure: each for each in standings([curve("h", 0.9), curve("m", 0.685), curve("w", 0.1), *random])}
    assert {name: each.verdict for name, each in found.items()} == {"h": "better", "m": "as random", "w": "worse"}
    assert found["h"].chance == pytest.approx(1 / 21)
    assert found["m"].above == 19
    assert found["w"].gain == pytest.approx(0.1 - np.mean([each.kept for each in random]))


def test_rank_correlation_is_scipys_over_the_net_and_within_layers(table) -> None:
    whole, within = rank_correlation(table.h, table.mean, table)
    assert whole == pytest.approx(spearmanr(table.h, table.mean).statistic)
    columns = [table.of_layer(name) for name in table.layers]
    varied = [each for each in columns if np.ptp(each["h"]) and np.ptp(each["mean"])]
    assert varied
    assert within == pytest.approx(np.mean([spearmanr(each["h"], each["mean"]).statistic for each in varied]))
    assert np.isnan(rank_correlation(table.h, np.ones(len(table)), table)).all()
