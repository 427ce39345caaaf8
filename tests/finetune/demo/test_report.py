import cv2
import pytest

from finetune.demo.report import Run, checks, comparison_table, draw_losses, layer_table
from finetune.statistics.movement import Movement, OutputChange
from finetune.training.program_log import TrainingLog


def a_run(title, *, changed=0, moved=5, losses=(2.0, 1.0), accuracy=(0.1, 0.8), variation=0.1, frozen=15):
    log = TrainingLog(
        [(index, loss) for index, loss in enumerate(losses)],
        [(0, {"accuracy": accuracy[0], "loss": 2.0}), (9, {"accuracy": accuracy[1], "loss": 1.0})],
    )
    return Run(title, log, [Movement("conv1", frozen, changed, 5, moved, 0.25)], OutputChange(variation, 0.9))


def failing(plain, rated):
    return [check.claim for check in checks(plain, rated, classes=10, pictures=160) if not check.holds]


def test_a_good_demo_bears_out_every_claim():
    assert failing(a_run("plain", variation=0.3, frozen=0), a_run("method 2")) == []


@pytest.mark.parametrize(
    ("broken", "claim"),
    [
        ({"changed": 1}, "the same to the bit"),
        ({"frozen": 0}, "the same to the bit"),
        ({"moved": 2}, "the free filters moved"),
        ({"losses": (1.0, 1.0)}, "the loss fell"),
        ({"losses": (1.0, float("nan"))}, "the loss fell"),
        ({"accuracy": (0.1, 0.15)}, "above chance"),
        ({"variation": 0.3}, "changed less"),
    ],
)
def test_each_claim_fails_where_it_is_not_true(broken, claim):
    (sentence,) = failing(a_run("plain", variation=0.3), a_run("method 2", **broken))
    assert claim in sentence


def test_a_method_that_freezes_no_filter_need_not_freeze_any():
    runs = a_run("plain", variation=0.3, frozen=0), a_run("method 6", frozen=0)
    assert all(check.holds for check in checks(*runs, classes=10, pictures=160, freezes=False))


@pytest.mark.parametrize(
    ("classes", "pictures", "accuracy", "above"),
    [(2, 32, 0.75, True), (2, 32, 0.65, False), (15, 240, 0.15, True), (15, 240, 0.1, False), (15, 240, 1.0, True)],
)
def test_above_chance_depends_on_classes_and_pictures(classes, pictures, accuracy, above):
    runs = a_run("plain", variation=0.3, frozen=0), a_run("method 2", accuracy=(0.0, accuracy))
    claims = {check.claim: check.holds for check in checks(*runs, classes, pictures)}
    (holds,) = [holds for claim, holds in claims.items() if claim.startswith("method 2: held-out")]
    assert holds is above


def test_tables_hold_the_numbers():
    text = comparison_table([a_run("plain", frozen=0), a_run("method 2", changed=3)])
    assert "| of the frozen ones, changed in any bit | none is frozen | 3 |" in text
    assert "| of the free ones, changed | 5 | 5 |" in text
    assert "| convolution filters that may learn | 5 of 5 | 5 of 20 |" in text
    assert "10.0% → 80.0%" in text
    assert "| conv1 | 20 | 5 | 5 | 15 | 0 | 25.00% |" in layer_table(a_run("method 2"))


def test_figure_is_a_picture(tmp_path):
    draw_losses([a_run("plain"), a_run("method 2")], tmp_path / "losses.png")
    assert cv2.imread(str(tmp_path / "losses.png")).shape == (450, 1200, 3)
