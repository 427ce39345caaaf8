import pytest

from prototxt.common.errors import INTERRUPTED, FormatError, InputError, NetError, errors_as_sentences


@pytest.mark.parametrize("kind", [InputError, FormatError, NetError])
@pytest.mark.parametrize("code", [1, 2])
def test_input_errors_become_a_sentence_and_an_exit_code(capsys, kind, code):
    with pytest.raises(SystemExit) as exit_, errors_as_sentences("torchcaffe", code):
        raise kind("net.prototxt:3: no such thing")
    assert exit_.value.code == code
    assert exit_.value.__suppress_context__
    assert capsys.readouterr().err == "torchcaffe: error: net.prototxt:3: no such thing\n"


def test_other_errors_keep_their_traceback():
    with pytest.raises(ZeroDivisionError), errors_as_sentences("deepvis"):
        raise ZeroDivisionError


def test_ctrl_c_becomes_a_line(capsys):
    with pytest.raises(SystemExit) as exit_, errors_as_sentences("entropy"):
        raise KeyboardInterrupt
    assert exit_.value.code == INTERRUPTED == 130
    assert capsys.readouterr().err == "entropy: stopped; what was not finished was not written\n"
