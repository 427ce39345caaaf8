import shutil
from html.parser import HTMLParser

import cv2
import numpy as np
import pytest

from finetune.__main__ import main
from finetune.errors import ExperimentError
from finetune.evaluation.confusion import Confusion, read_confusions, write_confusions
from finetune.evaluation.right_answers import write_right
from finetune.results.comparing import claims_of, compare, judge
from finetune.results.document import Heading, Table, latex_text, to_html, to_latex, to_markdown
from finetune.results.figures import _not_dominated
from finetune.results.reading import read_results
from finetune.results.report import write_report
from finetune.results.summary import Mean, Summary, summaries
from finetune.results.tables import directions_table
from finetune.study.runs import read_json, write_json
from tests.finetune.results.conftest import ROWS, made_scores


def test_a_row_in_numbers(study_folder):
    results = read_results(study_folder)
    fine_tuning, gentle, alike = summaries(results, "a-b")
    assert (gentle.title, gentle.seeds, gentle.added_weights) == ("gentle & slow", 3, 1234)
    sources = [source for source, _ in ROWS["gentle"]]
    assert gentle.source.value == pytest.approx(np.mean(sources))
    assert gentle.source.error == pytest.approx(np.std(sources, ddof=1) / np.sqrt(3))
    assert gentle.source_loss.value == pytest.approx(0.6 - 0.55)
    assert gentle.target_loss.value == pytest.approx(0.9 - 0.79)  # to the net that was trained for b alone
    assert gentle.joint_loss.value == pytest.approx(0.05 + 0.11)
    assert fine_tuning.recovered.value == pytest.approx(0)
    assert gentle.recovered.value == pytest.approx(1 - 0.05 / 0.3)
    assert gentle.seconds.value == 20
    assert alike.probe is None


def test_without_a_net_for_the_new_task_nothing_is_missing(study_folder):
    values = read_json(study_folder / "study.json")
    values["directions"] = values["directions"][:1]
    values["claims"] = []
    write_json(study_folder / "study.json", values)
    (row, *_) = summaries(read_results(study_folder), "a-b")
    assert (row.target_loss, row.joint_loss) == (None, None)
    write_report(study_folder)
    assert "joint loss" not in (study_folder / "report.md").read_text().split("## What")[0]


def test_claims_are_judged_in_every_direction(study_folder):
    results = read_results(study_folder)
    words = {
        (claim.better, claim.than, claim.by, direction): judge(results, claim, direction).word
        for claim, direction in claims_of(results)
    }
    assert words["gentle", "fine-tuning", 10, "a-b"] == words["gentle", "fine-tuning", 10, "b-a"] == "held"
    assert words["fine-tuning", "gentle", 0, "a-b"] == "not held"
    assert words["gentle", "alike", 0, "a-b"] == "undecided"
    assert words["alike", "gentle", -5, "a-b"] in ("held", "undecided")
    assert words["nobody", "gentle", 0, "a-b"] == "the study has no row 'nobody'"


def test_a_difference_is_that_of_the_accuracies(study_folder):
    runs = read_results(study_folder).runs
    found = compare(runs["a-b", "gentle"], runs["a-b", "fine-tuning"], "source")
    assert found.difference.value == pytest.approx(100 * (0.55 - 0.30))
    assert found.seeds == (0, 1, 2)
    joint = compare(runs["a-b", "gentle"], runs["a-b", "fine-tuning"], "joint")
    assert joint.difference.value == pytest.approx(100 * ((0.55 - 0.30) + (0.79 - 0.80)) / 2)
    single = compare(runs["a-b", "gentle"][:1], runs["a-b", "fine-tuning"][:1], "source")
    assert single.exact.only_first - single.exact.only_second == 50
    assert single.exact.p < 1e-3
    with pytest.raises(ExperimentError, match="no finished run of the same seed"):
        compare(runs["a-b", "gentle"][:1], runs["a-b", "fine-tuning"][1:], "source")


def test_the_report_in_all_forms(study_folder, capsys):
    main(["report", str(study_folder)])
    text = (study_folder / "report.md").read_text()
    assert text.startswith("# made-up\n\nNumbers that are known.")
    assert "| fine-tuning | fine-tuning | 30.0 ± 1.2 | **80.0 ± 1.2** | 30.0 ± 1.2 | 10.0 ± 1.2 |" in text
    assert "| gentle | gentle & slow | **55.0 ± 1.2** |" in text
    assert "| gentle better than fine-tuning on source by 10 points | a-b | +25.00 | " in text
    assert "| gentle & slow | base_lr 0.1 | 50.0 | 2 | 1 |" in text
    latex = (study_folder / "tables.tex").read_text()
    assert r"gentle & gentle \& slow & \textbf{55.0 $\pm$ 1.2}" in latex
    assert latex.count(r"\begin{table}") == latex.count(r"\end{table}") == 4
    html = (study_folder / "report.html").read_text()
    assert "<td>gentle</td><td>gentle &amp; slow</td><td><b>55.0 ± 1.2</b></td>" in html
    for kind in ("losses", "pareto", "curves"):
        for direction in ("a-b", "b-a"):
            assert f"figures/{direction}-{kind}.png" in text
            picture = cv2.imread(str(study_folder / f"figures/{direction}-{kind}.png"))
            assert picture.std() > 5
            assert (study_folder / f"figures/{direction}-{kind}.svg").read_text().startswith("<?xml")
    assert "report.html" in capsys.readouterr().out


def test_runs_that_are_missing_or_diverged_are_named(study_folder):
    shutil.rmtree(study_folder / "a-b/gentle/seed-2")
    for seed in (0, 1, 2):
        folder = study_folder / f"b-a/alike/seed-{seed}"
        write_json(folder / "result.json", {"hash": "alike", "diverged": "the loss is nan", "cpu_seconds": 1.0})
    write_json(study_folder / "b-a/gentle/seed-0/config.json", {"hash": "another", "seed": 0})
    write_report(study_folder)
    text = (study_folder / "report.md").read_text()
    assert "**Not finished: 2 of 18 runs**, the first a-b/gentle/seed-2." in text
    assert "| alike | fine-tuning, base_lr 0.2 | – | – | – | – | – | – | – | 0 | 0 (3 diverged) |" in text


def test_cross_validation_compares_fold_by_fold_and_shows_who_is_taken_for_whom(study_folder):
    """Folds of different length."""
    write_json(study_folder / "study.json", {**read_json(study_folder / "study.json"), "claims": []})
    for row, gain in (("gentle", 0.1), ("fine-tuning", 0.0)):
        for seed, images in enumerate((40, 60, 80)):
            folder = study_folder / f"a-b/{row}/seed-{seed}"
            scores = {"source": made_scores(0.5, 200, seed), "target": made_scores(0.5 + gain, images, seed)}
            write_right(folder / "right.json", scores)
            write_json(folder / "config.json", {**read_json(folder / "config.json"), "fold": "by seed"})
            write_confusions(folder / "confusion.json", target=Confusion(tuple("pqrs"), scores["target"].confusion))
    results = read_results(study_folder)
    runs = results.runs
    found = compare(runs["a-b", "gentle"], runs["a-b", "fine-tuning"], "target")
    assert found.difference.value == pytest.approx(10)
    assert sum(run.confusions["target"].counts.sum() for run in runs["a-b", "gentle"]) == 180
    write_report(study_folder)
    text = (study_folder / "report.md").read_text()
    assert "Cross-validation: runs of different seeds are tested on different folds" in text
    assert "figures/a-b-confusion.png" in text
    assert "figures/b-a-confusion.png" not in text
    assert cv2.imread(str(study_folder / "figures/a-b-confusion.png")).std() > 5


def test_confusions_are_kept_as_they_are_and_are_shares_of_their_class(tmp_path):
    counts = np.array([[3, 1, 0], [0, 0, 0], [2, 2, 4]])
    write_confusions(tmp_path / "c.json", source=Confusion(("a", "b ü", "c"), counts))
    text = (tmp_path / "c.json").read_text()
    assert text.count("\n") == 10, "a line for every row"
    found = read_confusions(tmp_path / "c.json")["source"]
    assert found.classes == ("a", "b ü", "c")
    np.testing.assert_array_equal(found.counts, counts)
    np.testing.assert_allclose(found.shares, [[0.75, 0.25, 0], [0, 0, 0], [0.25, 0.25, 0.5]])
    (tmp_path / "c.json").write_text("{}]")
    with pytest.raises(ExperimentError, match="cannot be read"):
        read_confusions(tmp_path / "c.json")


def test_many_directions_are_shown_side_by_side(study_folder):
    rows = {direction: summaries(read_results(study_folder), direction) for direction in ("a-b", "b-a")}
    rows["c"] = rows["a-b"][:1]
    table = directions_table(rows)
    assert table.head == ("row", "method", "a-b", "b-a", "c")
    assert table.rows[0] == ("fine-tuning", "fine-tuning", "80.0 ± 1.2", "80.0 ± 1.2", "80.0 ± 1.2")
    assert table.rows[1][-1] == "–"


def test_a_folder_without_a_study(tmp_path, capsys):
    with pytest.raises(ExperimentError, match=r"holds no study\.json"):
        write_report(tmp_path)
    with pytest.raises(SystemExit):
        main(["report", str(tmp_path)])
    assert "holds no demo.json" in capsys.readouterr().err


def test_compare_says_what_differs(study_folder, capsys):
    main(["compare", str(study_folder / "a-b/gentle"), str(study_folder / "a-b/fine-tuning"), "--by", "10"])
    out = capsys.readouterr().out
    assert "source  +25.00 points, 95 % interval" in out
    assert "better by more than 10 is held" in out
    assert "seeds 0, 1, 2" in out
    runs = [str(study_folder / "a-b" / row / "seed-0") for row in ("gentle", "fine-tuning")]
    main(["compare", *runs])
    assert "McNemar p" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main(["compare", runs[0], str(study_folder)])
    assert "holds no finished run of a study" in capsys.readouterr().err


def test_markup_is_escaped_and_well_formed():
    blocks = [Heading("a <b> & c", 1), Table(("x", "y"), (("a|b_1", "50 %"),), "50 % & more", frozenset({(0, 1)}))]
    assert "| a/b_1 | **50 %** |" in to_markdown(blocks)
    assert r"a|b\_1 & \textbf{50 \%} \\" in to_latex(blocks)
    opened = []

    class Check(HTMLParser):
        def handle_starttag(self, tag, attributes):
            opened.extend([tag] if tag not in ("meta", "img") else [])

        def handle_endtag(self, tag):
            assert opened.pop() == tag

    page = to_html(blocks)
    Check().feed(page)
    assert opened == []
    assert "a &lt;b&gt; &amp; c" in page
    assert latex_text("λ ≥ 50 % ± 1") == r"$\lambda$ $\geq$ 50 \% $\pm$ 1"


def test_rows_that_no_other_beats_on_both_tasks():
    def row(source, target):
        return Summary("r", "r", 1, 0, Mean(source, 0), Mean(target, 0))

    rows = [row(0.5, 0.5), row(0.6, 0.4), row(0.5, 0.4), row(0.7, 0.1), row(0.7, 0.1)]
    assert _not_dominated([*rows, Summary("r", "r", 0, 1)]) == {0, 1, 3, 4}
