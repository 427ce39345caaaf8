"""Local response normalisation."""

from __future__ import annotations

from hypothesis import strategies as st
from torch.nn.functional import local_response_norm

from tests.converters.models import functions
from tests.converters.ops.any_form import Form, any_form, shapes
from tests.converters.ops.contract import Contract

CASES = functions(
    (2, 4, 7, 9),
    {
        "lrn": lambda x, _: local_response_norm(x, 3, alpha=0.5, beta=0.7),
        "lrn, k": lambda x, _: local_response_norm(x, 3, alpha=0.5, beta=0.7, k=2.0),
        "lrn, even size": lambda x, _: local_response_norm(x, 2, alpha=0.5, beta=0.7, k=2.0),
    },
)

contract = Contract("lrn", CASES)
test_values, test_gradients = contract.test_values(), contract.test_gradients()
test_real_caffe, test_coverage = contract.test_real_caffe(), contract.test_coverage()


@st.composite
def norms(draw: st.DrawFn) -> Form:
    size, alpha, beta = draw(st.integers(1, 6)), draw(st.sampled_from([1e-4, 0.5])), draw(st.sampled_from([0.5, 0.75]))
    k, shape = draw(st.sampled_from([1.0, 2.0])), draw(shapes(3, 4))
    return Form(f"{size, alpha, beta, k}", lambda x: local_response_norm(x, size, alpha, beta, k), shape)


test_any_form = any_form(norms())
