"""The mark of a net that is right for one size of its inputs."""

from __future__ import annotations

import pytest

from prototxt.common.errors import NetError
from prototxt.formats.schema import NetParameter
from prototxt.net.input_size import check_input_size, fixed_input_size, mark_fixed_input_size


def test_the_mark_survives_a_binary_file_and_stands_beside_other_stages() -> None:
    net = NetParameter()
    net.state.stage.append("deploy")
    assert fixed_input_size(net) is None
    mark_fixed_input_size(net, "pool: rounds")
    assert fixed_input_size(NetParameter.FromString(net.SerializeToString())) == "pool: rounds"
    assert net.state.stage[0] == "deploy"


def test_another_size_is_refused_and_another_batch_is_not() -> None:
    check_input_size("", "data", (1, 3, 8, 9), (5, 3, 8, 9))
    with pytest.raises(NetError, match="input 'data' is 8 x 8, but this net is right for 8 x 9 only: it slices"):
        check_input_size("it slices", "data", (1, 3, 8, 9), (1, 3, 8, 8))
