import csv
import re

import numpy as np
import pytest

from entropy.measuring.measurement import measure
from entropy.planning.plan import plan
from entropy.split_folder.solver_file import SolverSettings
from entropy.split_folder.task import Task
from entropy.split_folder.writing import write
from finetune.__main__ import main
from finetune.study.file import read_study
from finetune.study.running import running
from finetune.study.runs import read_json
from prototxt.common.progress import with_bar
from tests.entropy.conftest import write_scan
from torchcaffe.__main__ import main as torchcaffe

ROWS = '[[methods]]\nmethod = "fine-tuning"\nseeds = [0]\ntraining = {iterations = 40}\n'


def evaluate(capsys, *arguments):
    main(["evaluate", *map(str, arguments)])
    out = capsys.readouterr().out
    return {name: float(value) for name, value in re.findall(r"^(\S+).*?: ([\d.]+)%", out, re.MULTILINE)}, out


def test_a_finished_run_with_weights(files, tmp_path, capsys):
    study = read_study(files.study(ROWS + '[evaluation]\nweights = true\nprobe = "ridge"\n'))
    with_bar(running(study, tmp_path / "out", files.cache), quiet=True)
    folder = tmp_path / "out/small-stripes/fine-tuning-iterations=40/seed-0"
    result = read_json(folder / "result.json")
    found, _ = evaluate(
        capsys, folder, "--probe", "ridge", "--confusion", tmp_path / "matrices", "--cache", files.cache
    )
    assert found["target"] == pytest.approx(100 * result["target_accuracy"], abs=0.01)
    assert found["source,"] == pytest.approx(100 * result["source_probe"], abs=0.01)
    ten, _ = evaluate(capsys, folder, "--crops", "ten", "--cache", files.cache)
    assert set(ten) == {"source", "target"}
    rows = list(csv.reader((tmp_path / "matrices/confusion_target.csv").read_text().splitlines()))
    assert rows[0] == ["", "lying", "standing"]
    right, total = int(rows[1][1]) + int(rows[2][2]), sum(int(cell) for row in rows[1:] for cell in row[1:])
    assert total == 30
    assert right / total == pytest.approx(result["target_accuracy"])


def test_a_run_that_is_training_and_one_without_weights(files, tmp_path, capsys):
    work = running(read_study(files.study(ROWS)), tmp_path / "out", files.cache)
    for step in work:
        if "of 1 runs" in step.what and step.done > 80:
            break
    work.close()
    folder = tmp_path / "out/small-stripes/fine-tuning-iterations=40/seed-0"
    found, out = evaluate(capsys, folder, "--cache", files.cache)
    assert re.search(r"seed 0: iteration 1[01]\n", out)
    assert set(found) == {"source", "target"}
    with_bar(running(read_study(files.study(ROWS)), tmp_path / "out", files.cache), quiet=True)
    with pytest.raises(SystemExit):
        main(["evaluate", str(folder), "--cache", str(files.cache)])
    assert "has no weights" in capsys.readouterr().err


def test_a_folder_of_entropy_write(files, model, tmp_path, capsys, monkeypatch):
    net, weights = files.folder / "model/small.prototxt", files.folder / "model/small.caffemodel"
    means = {"conv2": abs(np.random.default_rng(0).normal(size=(300, 10))).astype(np.float32)}
    write_scan(tmp_path / "scan.h5", means, {"conv2": "Convolution"}, model_hash=model.hash, images_hash="",
               preprocessing_hash=model.preprocessing.hash)  # fmt: skip
    made = plan(measure(tmp_path / "scan.h5", bins=16), 2, share=0.5)
    lines = {
        part: "".join(
            f"{path} {label}\n"
            for label, name in enumerate(("lying", "standing"))
            for path in sorted((files.folder / "stripes" / part / name).glob("*.png"))
        )
        for part in ("train", "test")
    }
    for part, text in lines.items():
        (tmp_path / f"{part}.txt").write_text(text)
    task = Task(
        images=tmp_path / "train.txt", test_images=None, head="fc_new", batch=8,
        preprocessing=files.folder / "model/pixels.json",
    )  # fmt: skip
    folder = tmp_path / "run"
    write(made, net, weights, SolverSettings(max_iter=60, base_lr=0.001), out=folder, task=task)
    monkeypatch.chdir(folder)
    torchcaffe(["train", "-solver", "solver.prototxt", "-weights", "split.caffemodel"])
    pixels = ["--preprocessing", files.folder / "model/pixels.json", "--cache", files.cache]
    images = ["--source-images", files.folder / "colours", "--target-images", files.folder / "stripes"]
    found, _ = evaluate(capsys, folder, "--net", net, *images, *pixels)
    assert found["target"] > 60
    assert 0 <= found["source"] <= 100
    with pytest.raises(SystemExit):
        main(["evaluate", str(folder), "--net", str(net), *map(str, pixels)])
    assert "give --source-images, --target-images, or both" in capsys.readouterr().err
