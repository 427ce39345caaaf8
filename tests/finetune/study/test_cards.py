import os

import pytest
import torch

from finetune.study.cards import VISIBLE, known_cards, only_card, spread


@pytest.fixture
def three_cards(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 3)
    monkeypatch.delenv(VISIBLE, raising=False)


def test_cards_are_those_that_may_be_used(three_cards, monkeypatch):
    assert known_cards() == ["0", "1", "2"]
    monkeypatch.setenv(VISIBLE, "5, GPU-ab")
    assert known_cards() == ["5", "GPU-ab"]
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert known_cards() == []


def test_processes_take_cards_in_turn():
    assert spread("cuda", 5, ["0", "1", "2"]) == ["0", "1", "2", "0", "1"]
    for device, cards in (("cuda", ["0"]), ("cuda:1", ["0", "1"]), ("cpu", ["0", "1"]), ("cpu", [])):
        assert spread(device, 2, cards) == [None, None]


@pytest.mark.parametrize("before", [None, "0,1"])
def test_a_process_sees_its_card_alone(before, monkeypatch):
    monkeypatch.delenv(VISIBLE, raising=False)
    if before:
        monkeypatch.setenv(VISIBLE, before)
    with only_card("1"):
        assert os.environ[VISIBLE] == "1"
    assert os.environ.get(VISIBLE) == before
    with only_card(None):
        assert os.environ.get(VISIBLE) == before
