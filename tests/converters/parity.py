"""How the tests hold a conversion against its model: in torchcaffe each by itself, in real Caffe all in one process."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from torch import nn

from converters import Conversion, verify
from converters.engines import ENGINES, Job
from converters.example_inputs import example_feeds, in_batches
from converters.reference import reference_values
from converters.verdict import difference
from converters.verification import write_files


def assert_parity(model: nn.Module, conversion: Conversion) -> None:
    """Every layer must be within torchcaffe's bar; the allowance for ill-conditioned nets is not used."""
    assert conversion.captured is not None
    (verification,) = verify(conversion, model, ["torchcaffe"], example_feeds(conversion.captured)[:2])
    assert verification.layers
    assert not verification.note
    for check in verification.layers:
        assert check.difference.relative <= 1e-5, check


def assert_parity_in(engine: str, conversions: dict[str, Conversion], folder: Path) -> None:
    """Run many conversions in one go; every layer must be within the engine's bar of PyTorch."""
    jobs, expected = [], []
    for number, conversion in enumerate(conversions.values()):
        files = write_files(conversion, folder, f"net{number}")
        assert conversion.captured is not None
        feed = in_batches(conversion.captured, example_feeds(conversion.captured)[:2])[0]
        tops = tuple((reference.layer, reference.top) for reference in conversion.references)
        jobs.append(Job(files.prototxt, files.caffemodel, (feed,), tops))
        expected.append(reference_values(conversion, feed))
    results = list(ENGINES[engine].run(jobs))
    assert len(results) == len(conversions)
    for name, result, reference in zip(conversions, results, expected, strict=True):
        assert result, name
        for top, array in result.items():
            found = difference(np.reshape(array, reference[top].shape), reference[top])
            assert found.relative <= ENGINES[engine].bar, (name, top, found)
