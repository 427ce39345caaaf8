import pytest

from finetune.ablation.settings import is_ablation
from finetune.errors import ExperimentError
from finetune.methods import METHODS
from finetune.methods.registry import Method
from finetune.study.file import read_study
from finetune.study.rows import rows_of
from finetune.study.shipped import shipped_studies, title_of


@pytest.fixture(autouse=True)
def _method(monkeypatch):
    entry = Method(
        "pull",
        "pulling",
        "pull",
        "tests",
        None,
        {"strength": 1.0, "head": "fc7"},
        {"strength": [0.1, 1], "base_lr": [0.1]},
    )
    monkeypatch.setitem(METHODS, "pull", entry)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ('[[methods]]\nmethod = "pull"\n[selektion]\nseed = 1', "unknown key 'selektion'; did you mean 'selection'?"),
        ('[[methods]]\nmethod = "pull"\noption = {}', r"unknown key in methods\[1\] 'option'; did you mean 'options'?"),
        ('[[methods]]\nmethod = "pul"', r"methods\[1\]: unknown method 'pul'; did you mean 'pull'?"),
        (
            '[[methods]]\nmethod = "pull"\noptions = {strenght = 2}',
            r"methods\[1\].options: unknown option of 'pull' 'strenght'; did you mean 'strength'\? allowed are",
        ),
        (
            'momentun = 1\n[[methods]]\nmethod = "pull"',
            "training: unknown setting 'momentun'; did you mean 'momentum'?",
        ),
        (
            '[[methods]]\nmethod = "pull"\ngrid = {heat = [1]}',
            r"methods\[1\].grid: unknown option of 'pull' or setting",
        ),
        ('[[methods]]\nmethod = "pull"\nseeds = "x"', r"methods\[1\].seeds: .*; got 'x'"),
        (
            '[[methods]]\nmethod = "pull"\n[evaluation]\nin_training = -1',
            "evaluation.in_training: input should be .*; got -1",
        ),
        ("", "methods: field required"),
        ("methods = [", "is no TOML"),
    ],
)
def test_what_a_file_does_not_know_is_refused_with_the_nearest_name(more, words, files):
    path = files.study(more)
    with pytest.raises(ExperimentError, match=words) as error:
        read_study(path)
    assert str(error.value).startswith(str(path))


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('task = "colours"', 'task = "colors"', "nets.small.task: unknown task 'colors'; did you mean 'colours'?"),
        ('from = "small"', 'from = "smal"', r"directions\[1\].from: unknown net 'smal'; did you mean 'small'?"),
        ('to = "stripes"', 'to = "stripe"', r"directions\[1\].to: unknown task 'stripe'"),
        ("batch = 8", "batch = 0", "training: batch: input should be greater than or equal to 1; got 0"),
    ],
)
def test_names_and_values_that_mean_nothing(old, new, words, files):
    path = files.study()
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(ExperimentError, match=words):
        rows_of(read_study(path), path)


NO_CHOICE = "[selection]\ngrids = false\n"  # of the small study


def rows(files, more):
    """Rows of a study that leaves the choice of settings to the methods."""
    path = files.study(more)
    path.write_text(path.read_text().replace(NO_CHOICE, ""))
    return rows_of(read_study(path))


def test_lists_make_rows(files):
    found = rows(
        files, '[[methods]]\nmethod = "pull"\noptions = {strength = [1, 2.5]}\ntraining = {iterations = [5, 7]}\n'
    )
    assert [row.name for row in found] == [
        "pull-strength=1-iterations=5",
        "pull-strength=1-iterations=7",
        "pull-strength=2.5-iterations=5",
        "pull-strength=2.5-iterations=7",
    ]
    assert found[3].title == "pulling, strength 2.5, iterations 7"
    assert found[3].options == {"strength": 2.5}
    assert found[3].training.iterations == 7
    # What the file says is not chosen again.
    assert found[3].grid == {"base_lr": [0.1]}


def test_a_name_stands_for_the_options_that_do_not_vary(files):
    (row,) = rows(files, '[[methods]]\nmethod = "pull"\nname = "p"\noptions = {strength = 3}\nseeds = [7]\ngrid = {}')
    assert (row.name, row.seeds, row.grid) == ("p", (7,), {})
    names = [row.name for row in rows(files, '[[methods]]\nmethod = "pull"\nname = "p"\noptions = {strength = [3, 4]}')]
    assert names == ["p-strength=3", "p-strength=4"]


def test_the_methods_own_grid_is_used_unless_the_study_has_none(files):
    assert rows(files, '[[methods]]\nmethod = "pull"')[0].grid == {"strength": [0.1, 1], "base_lr": [0.1]}
    assert rows_of(read_study(files.study('[[methods]]\nmethod = "pull"')))[0].grid == {}  # it says grids = false


def test_training_budgets_of_the_study_make_rows_of_every_method(files):
    path = files.study('[[methods]]\nmethod = "pull"\n[[methods]]\nmethod = "fine-tuning"')
    path.write_text(path.read_text().replace("iterations = 6", "iterations = [6, 60]"))
    names = [row.name for row in rows_of(read_study(path))]
    assert names == [
        "pull-iterations=6", "pull-iterations=60", "fine-tuning-iterations=6", "fine-tuning-iterations=60"
    ]  # fmt: skip


def test_two_rows_of_one_name_are_refused(files):
    with pytest.raises(ExperimentError, match="two rows are called 'pull'"):
        rows(files, '[[methods]]\nmethod = "pull"\n[[methods]]\nmethod = "pull"')


def test_shipped_studies_can_be_read():
    for name, path in shipped_studies().items():
        assert title_of(path)
        if not is_ablation(path):
            names = {row.name for row in rows_of(read_study(path))}
            assert {word for claim in read_study(path).claims for word in (claim.better, claim.than)} <= names, name
