"""Early stopping against a slow twin: a training in one go whose weights are kept and judged one by one."""

from dataclasses import replace

import numpy as np
import pytest

from finetune.errors import ExperimentError
from finetune.evaluation.scores import Scorer
from finetune.training.settings import TrainingSettings
from finetune.training.trainer import Job, Trainer, Watch, training
from prototxt.common.progress import with_bar
from tests.finetune.training.test_trainer import HEAD, RATES, prepared_with, same

HOW = TrainingSettings(iterations=60, batch=8, base_lr=0.05, patience=2, check_every=3, display=4)


@pytest.fixture
def job(setting, model, target):
    task = target.held_out(0.3)
    return Job(prepared_with(setting, RATES), task.train, model.preprocessing, HOW, validation=task.validation)


def losses_of(job):
    """Loss on the validation images after every iteration, and the weights."""
    trainer = Trainer(replace(job, settings=job.settings.model_copy(update={"patience": 0})))
    found = {}
    for iteration in range(1, job.settings.iterations + 1):
        trainer.step()
        weights = trainer.network_weights()
        scorer = Scorer(job.prepared.net, weights, job.preprocessing)
        scores = with_bar(scorer.scoring(job.validation, job.prepared.new_output), quiet=True)
        found[iteration] = scores.loss, scores.accuracy, weights
    return found


def test_it_stops_after_so_many_checks_without_a_lower_loss_and_takes_the_best_weights(job):
    records = []
    trained = with_bar(training(job, Watch(log=records.append)), quiet=True)
    expected = losses_of(job)
    best, waited = 3, 0
    for iteration in range(6, HOW.iterations + 1, 3):
        best, waited = (iteration, 0) if expected[iteration][0] < expected[best][0] else (best, waited + 1)
        if waited == 2:
            break
    assert iteration < HOW.iterations, "this training is to stop early"
    assert trained.facts == {"best_iteration": best, "last_iteration": iteration}
    assert same(trained.weights, expected[best][2])
    checks = {record["iteration"]: record for record in records if "validation" in record}
    assert list(checks) == list(range(3, iteration + 1, 3))
    for at, record in checks.items():
        loss, accuracy, _ = expected[at]
        assert (record["validation_loss"], record["validation"]) == (loss, accuracy)
    assert "loss" in records[-1]
    assert records[-1]["iteration"] == iteration


def test_a_run_that_was_stopped_ends_with_the_same_bits(job, tmp_path):
    whole = with_bar(training(job), quiet=True)
    last = whole.facts["last_iteration"]
    for stop in (1, whole.facts["best_iteration"] + 1, last):
        watch = Watch(tmp_path / f"{stop}.pt")
        work = training(job, watch)
        for progress in work:
            if progress.done == stop:
                break
        work.close()
        assert watch.checkpoint.is_file()
        resumed = with_bar(training(job, watch), quiet=True)
        assert resumed.facts == whole.facts
        assert same(resumed.weights, whole.weights)


def test_a_training_that_never_stops_early_takes_the_best_weights_too(job):
    short = replace(job, settings=HOW.model_copy(update={"iterations": 10, "patience": 99}))
    trained = with_bar(training(short), quiet=True)
    expected = losses_of(short)
    assert trained.facts["last_iteration"] == 10
    best = min((3, 6, 9, 10), key=lambda at: expected[at][0])
    assert trained.facts["best_iteration"] == best
    assert same(trained.weights, expected[best][2])


def test_only_the_last_stage_is_looked_at(job, setting):
    staged = replace(job, prepared=prepared_with(setting, HEAD, RATES, shares=[0.5, 0.5]))
    records = []
    with_bar(training(staged, Watch(log=records.append)), quiet=True)
    assert min(record["iteration"] for record in records if "validation" in record) == 33


def test_without_validation_images_it_is_refused(job):
    with pytest.raises(ExperimentError, match=r"needs validation images.*split = \[0.7, 0.2, 0.1\]"):
        Trainer(replace(job, validation=None))
    assert np.isinf(Trainer(job).stopping.best_loss)
