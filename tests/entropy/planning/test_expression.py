"""Transfer functions by the user: what they give, and what they may not be."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from entropy import PlanError, measure, plan, read_plan
from entropy.__main__ import main
from entropy.planning.expression import FUNCTIONS, parse_expression
from entropy.planning.transfer import TRANSFER

H = np.array([0.0, 1, 2, 5, 8])
VALUES = {"H": H, "Hmax": np.full(5, 8.0), "th": np.full(5, 2.0)}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0.25", np.full(5, 0.25)),
        ("1 - (H / Hmax) ** 2", TRANSFER[4].function(H, VALUES["Hmax"])),
        ("1 - H / Hmax", TRANSFER[5].function(H, VALUES["Hmax"])),
        (" exp(-2 * H / Hmax) ", TRANSFER[6].function(H, VALUES["Hmax"])),
        ("H < th", TRANSFER[1].function(H, VALUES["th"])),
        ("where(H < th, 1, 0.1)", np.array([1, 1, 0.1, 0.1, 0.1])),
        ("where(0 < H <= th, 1, 0)", np.array([0, 1, 1, 0, 0])),
        ("where(H == 0 or not H != 8, 1, 0)", np.array([1, 0, 0, 0, 1])),
        ("where(H >= 1 and H > 1, +1, 0)", np.array([0, 0, 1, 1, 1])),
        ("minimum(1, maximum(0, log2(H + 1) - sqrt(H)))", np.clip(np.log2(H + 1) - np.sqrt(H), 0, 1)),
        ("clip(log(H + 1), 0, 1)", np.clip(np.log(H + 1), 0, 1)),
        ("abs(cos(H) * sin(H) * tanh(H))", np.abs(np.cos(H) * np.sin(H) * np.tanh(H))),
        ("(ceil(H / 3) - floor(H / 3))", np.ceil(H / 3) - np.floor(H / 3)),
        ("where(H > 0, 1 / H, 1)", np.array([1, 1, 0.5, 0.2, 0.125])),  # what is not chosen may be infinite
    ],
)
def test_values(text, expected):
    np.testing.assert_allclose(parse_expression(text)(VALUES), expected, atol=1e-15)


def test_every_function_is_documented_and_used_above(pytestconfig):
    text = (pytestconfig.rootpath / "docs/per-filter-rates.md").read_text()
    assert f"`{' '.join(FUNCTIONS)}`" in text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is no expression"),
        ("1 -", "is no expression"),
        ("H = 1", "is no expression"),
        ("K / Hmax", "column 1: unknown name 'K'"),
        ("1 - __import__('os').getcwd()", "column 5: .* is not allowed"),
        ("H.real", "'H.real' is not allowed"),
        ("H[0]", "is not allowed"),
        ("[h for h in H]", "is not allowed"),
        ("lambda: 1", "is not allowed"),
        ("'1'", "is not allowed"),
        ("True", "numbers only"),
        ("1j", "is not allowed"),
        ("H if H else 1", "is not allowed"),
        ("H // 2", "is not allowed"),
        ("H is th", "is not allowed"),
        ("eval(H)", "'eval.H.' is not allowed"),
        ("exp(H, H)", "exp takes 1 arguments, not 2"),
        ("exp(x=H)", "is not allowed"),
        ("exp(*H)", "is not allowed"),
        ("(H := 1)", "is not allowed"),
        ("9" * 400, "is no expression"),
        ("-" * 999 + "1", "is no expression"),
        ("1 + " * 400 + "1", "may have 1000 characters"),
    ],
)
def test_what_a_function_may_not_be(text, message):
    with pytest.raises(PlanError, match=message):
        parse_expression(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("H", r"gives 2 for H = 2 \(3 such filters\).*use clip"),
        ("-H", "between 0 and 1"),
        ("log(H - 1)", "gives nan for H = 0"),
        ("10 ** 400", "gives inf"),
    ],
)
def test_multipliers_lie_between_0_and_1(text, message):
    with pytest.raises(PlanError, match=message):
        parse_expression(text)(VALUES)


@given(st.text("Hmaxth0123456789.+-*/()<>=, explogw", max_size=40))
def test_any_text_gives_rates_or_a_sentence(text):
    try:
        rates = parse_expression(text)(VALUES)
    except PlanError:
        return
    assert ((rates >= 0) & (rates <= 1)).all()


@pytest.fixture
def table(small):
    return measure(small.scan, bins=16)


def test_a_plan_by_a_function_equals_that_by_its_method(table, tmp_path):
    mine = plan(table, function="1 - H / Hmax")
    assert mine.layers == plan(table, 5).layers
    assert plan(table, function="H < th", share=0.4).layers == plan(table, 1).layers
    mine.write(tmp_path / "plan.json")
    assert read_plan(tmp_path / "plan.json") == mine
    assert (mine.method, mine.formula) == (0, "1 - H / Hmax")


def test_thresholds_as_quantiles(table):
    network = plan(table, 1, quantile=0.3)
    assert network.threshold == np.quantile(table.h, 0.3)
    layers = plan(table, 1, quantile=0.3, quantile_of="layer")
    assert layers.threshold is None
    for name, rates in layers.multipliers.items():
        h = table.of_layer(name)["h"]
        assert layers.thresholds[name] == np.quantile(h, 0.3)
        np.testing.assert_array_equal(rates, h < np.quantile(h, 0.3))
        assert rates.sum() == 3  # of 8: the quantile lies between the third and the fourth


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "use one of 1, 2, 3, 4, 5, 6, or give a function"),
        ({"method": 1, "function": "H"}, "not both"),
        ({"function": "H < th"}, "the function uses th"),
        ({"function": "0 * H", "share": 0.2}, "function '0 . H' has no threshold; leave out the share"),
        ({"method": 1, "share": 0.2, "quantile": 0.1}, "not both share and quantile"),
        ({"method": 1, "quantile": 1.2}, "between 0 and 1; got 1.2"),
    ],
)
def test_what_does_not_fit(arguments, message, table):
    with pytest.raises(PlanError, match=message):
        plan(table, **arguments)


def test_the_command(table, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    table.write_csv("entropy.csv")
    arguments = ["--function", "where(H < th, 1, 0.5)", "--quantile", "0.3", "--quantile-of", "layer"]
    main(["plan", "entropy.csv", *arguments])
    out = capsys.readouterr().out
    assert "function: where(H < th, 1, 0.5)" in out
    assert "threshold of branch/conv2 " in out
    assert "bits, the 0.3 quantile" in out
    assert "free: 16 of 16" in out
