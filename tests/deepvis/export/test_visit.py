"""Patches and their back-propagation, image by image, against one patch at a time."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from deepvis.engines.backprop import BACKPROP
from deepvis.engines.hits import Hit
from deepvis.engines.trace import HitTracer, cut_gradient, rounds
from deepvis.errors import ImageError
from deepvis.export.visit import Seen, visit
from deepvis.scan.patches import cut_patch
from prototxt.common.progress import with_bar
from prototxt.pixels.decode import read_image
from prototxt.pixels.preprocess import Preprocessing
from torchcaffe.network import Network


def seen(scanned, modes=(), **options) -> list[Seen]:
    found: list[Seen] = []
    hits = [hit for of_layer in scanned.hits().values() for hit in of_layer]
    tracer = HitTracer(scanned.model, modes, "cpu") if modes else None
    with_bar(visit(scanned.scan, hits, found.append, tracer=tracer, batch=4, workers=0, **options), quiet=True)
    assert len(found) == len(hits) == len({patch.hit for patch in found})
    return found


def test_patches_are_those_of_the_scan(scanned) -> None:
    for patch in seen(scanned):
        hit = patch.hit
        assert np.array_equal(patch.pixels, scanned.scan.patch(hit.layer, hit.unit, hit.rank))


@pytest.mark.parametrize("mode", BACKPROP)
def test_gradients_are_those_of_one_maximum_alone(scanned, mode: str) -> None:
    network = scanned.model.network()
    for patch in seen(scanned, (mode,)):
        hit = patch.hit
        value = scanned.model.layer(hit.layer).value
        pixels = read_image(scanned.scan.image_path(hit.image))
        blob = torch.from_numpy(scanned.model.to_blob(pixels))[None].requires_grad_()
        output = network.run({"data": blob}, keep=[value], overrides=BACKPROP[mode])[value]
        maximum = output[(0, hit.unit, *hit.position)[: output.ndim]]
        assert maximum.item() == hit.value
        maximum.backward()
        assert blob.grad is not None
        assert np.array_equal(patch.back[mode], cut_gradient(blob.grad[0].numpy(), hit.box))
    assert any(np.any(patch.back[mode]) for patch in seen(scanned, (mode,)))


def test_each_distinct_image_goes_through_the_net_once(scanned, monkeypatch: pytest.MonkeyPatch) -> None:
    run, images = Network.run, []
    monkeypatch.setattr(
        Network, "run", lambda self, inputs, **rest: images.append(len(inputs["data"])) or run(self, inputs, **rest)
    )
    found = seen(scanned, ("guided",))
    assert sum(images) == len({patch.hit.image for patch in found})
    assert sum(images) < len(found) / 4


def test_images_that_are_gone_are_left_out(scanned) -> None:
    hits = [hit for of_layer in scanned.hits().values() for hit in of_layer]
    scanned.images.path(0).unlink()
    scanned.images.path(1).write_bytes(scanned.images.path(2).read_bytes())  # another size
    found: list[Seen] = []
    errors = with_bar(visit(scanned.scan, hits, found.append, workers=0), quiet=True)
    assert len(found) == sum(hit.image not in (0, 1) for hit in hits)
    assert sorted(str(error).split(": ", 1)[1].split(" (")[0] for error in errors) == [
        "cannot be read",
        "has changed since the scan",
    ]
    with pytest.raises(ImageError, match=r"none of the scan's pictures can be used .*--images"):
        with_bar(visit(scanned.scan, hits, found.append, root=scanned.images.root / "gone", workers=0), quiet=True)


def test_gradients_are_framed_as_pixels_are() -> None:
    picture = np.random.default_rng(0).integers(1, 255, (6, 9, 3), dtype=np.uint8)
    for box in ((0, 0, 3, 3), (-2, 4, 3, 12), (-5, -5, 20, 20), (2, -3, 5, 30)):
        cut = cut_gradient(picture.transpose(2, 0, 1).astype(np.float32), box)
        patch = cut_patch(picture, box, Preprocessing("RGB"), constant_size=True)
        inside = cut.transpose(1, 2, 0)
        assert inside.shape == patch.shape
        assert np.array_equal(np.where(inside == 0, 128, inside), patch)


boxes = st.tuples(st.integers(0, 8), st.integers(0, 8)).map(lambda yx: (*yx, yx[0] + 3, yx[1] + 3))


@given(st.lists(st.lists(boxes, max_size=7), min_size=1, max_size=3))
def test_no_two_maxima_of_a_pass_meet(boxes) -> None:
    rows = [
        [Hit("conv", unit, 0, row, 1.0, (0, 0), box) for unit, box in enumerate(own)] for row, own in enumerate(boxes)
    ]
    given_out: list[Hit] = []
    for together in rounds(rows):
        assert len(together) == len(rows)
        for row, chosen in enumerate(together):
            covered = np.zeros((12, 12), int)
            for hit in chosen:
                y0, x0, y1, x1 = hit.box
                covered[y0:y1, x0:x1] += 1
                assert hit.image == row
            assert covered.max() <= 1
            given_out += chosen
    assert sorted(map(id, given_out)) == sorted(id(hit) for row in rows for hit in row)
