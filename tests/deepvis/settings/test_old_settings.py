"""Settings files of the older toolboxes, as their users have them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from deepvis.errors import SettingsError
from deepvis.model.model import open_model
from deepvis.session.model_of_settings import opening_settings
from deepvis.settings.old_names import OLD_NAMES, Renamed, Replaced
from deepvis.settings.settings import Settings, read_settings, to_python
from prototxt.common.progress import with_bar
from prototxt.formats.text import write_message
from prototxt.formats.weights import write_weights

YOSINSKI = """
caffevis_caffe_root      = '/path/to/caffe'
caffevis_deploy_prototxt = '%DVT_ROOT%/models/net/deploy.prototxt'
caffevis_network_weights = '%DVT_ROOT%/models/net/net.caffemodel'
caffevis_data_mean       = (104, 117, 123)
caffevis_labels          = '%DVT_ROOT%/models/net/labels.txt'
caffevis_jpgvis_layers   = []
caffevis_prob_layer      = 'fc8'
caffevis_label_layers    = ('fc8',)
def caffevis_layer_pretty_name_fn(name):
    return name.replace('conv', 'c')
caffevis_filter_layers = lambda name: '_split_' in name
_control_height = 125
window_panes = (('input', (0, 0, 300, 300)), ('caffevis_layers', (_control_height, 300, 900, 1200)))
caffevis_layers_aspect_ratio = float(window_panes[-1][1][3]) / window_panes[-1][1][2]
caffevis_control_fsize = .85
caffevis_mode_gpu = False
caffevis_boost_gamma_default_idx = 1
input_updater_capture_device = 2
static_files_dir = 'pictures'
helper = 3
"""

ARIKPOZ = """
base_folder = '%DVT_ROOT%/'
caffevis_deploy_prototxt = '%DVT_ROOT%/nets/deploy.prototxt'
caffevis_network_weights = '%DVT_ROOT%/nets/net.caffemodel'
caffevis_data_mean = '%DVT_ROOT%/nets/mean.npy'
caffe_net_raw_scale = 255.0
caffe_net_input_scale = 0.5
caffe_net_channel_swap = (2, 1, 0)
caffe_net_image_dims = (20, 24)
caffevis_outputs_dir = '%DVT_ROOT%/outputs'
static_files_input_mode = 'image_list'
static_files_input_file = '%DVT_ROOT%/list.txt'
static_file_stretch_mode = True
max_tracker_batch_size = 4
layers_to_output_in_offline_scripts = ['conv1']
"""


def write(file: Path, text: str) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


def test_yosinskis_template(tmp_path: Path) -> None:
    messages: list[str] = []
    settings = read_settings(write(tmp_path / "settings_local.py", YOSINSKI), messages.append)
    folder = tmp_path / "models" / "net"
    assert (settings.model, settings.weights) == (folder / "deploy.prototxt", folder / "net.caffemodel")
    assert (settings.classes, settings.images) == (folder / "labels.txt", tmp_path / "pictures")
    assert (settings.mean, settings.label_layers, settings.class_layer) == ((104, 117, 123), ("fc8",), "fc8")
    assert (settings.device, settings.gamma, settings.camera) == ("cpu", 0.7, 2)
    assert callable(settings.layer_names)
    assert settings.layer_names("conv1") == "c1"
    assert callable(settings.hidden_layers)
    assert settings.hidden_layers("x_split_1")
    (message,) = messages
    for name in ("caffevis_caffe_root: nothing", "window_panes: panes that are moved", "caffevis_control_fsize"):
        assert name in message
    assert "Taken for helpers of the file: helper." in message


def test_arikpozs_files(tmp_path: Path) -> None:
    write(tmp_path / "model_settings" / "settings_mine.py", ARIKPOZ)
    user = write(tmp_path / "settings_user.py", "model_to_load = 'mine'\ncaffevis_gpu_id = 1\n")
    messages: list[str] = []
    settings = read_settings(user, messages.append)
    assert settings.model == tmp_path / "nets" / "deploy.prototxt"
    assert settings.images == tmp_path / "list.txt"
    assert settings.unit_pictures == tmp_path / "outputs"
    assert (settings.raw_scale, settings.std, settings.channel_order) == (1.0, 2.0, "BGR")
    assert (settings.resize_to, settings.fit, settings.batch, settings.device) == ((20, 24), "stretch", 4, "cuda:1")
    assert "layers_to_output_in_offline_scripts: deepvis scan --layers" in messages[0]
    direct = read_settings(tmp_path / "model_settings" / "settings_mine.py", messages.append)
    assert (direct.model, direct.mean) == (settings.model, settings.mean)


def test_names_of_today_win(tmp_path: Path) -> None:
    text = "caffevis_fast_move_dist = 5\nfast_step = 7\nunit = 2\n"
    settings = read_settings(write(tmp_path / "settings_local.py", text), lambda words: None)
    assert (settings.fast_step, settings.unit) == (7, 2)


def test_a_file_of_today_is_told_nothing(tmp_path: Path) -> None:
    messages: list[str] = []
    read_settings(write(tmp_path / "settings_local.py", "unit = 2\n"), messages.append)
    assert messages == []


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("model_to_load = 'gone'", "model_to_load = 'gone', but there is no .*settings_gone.py"),
        ("caffevis_boost_gamma_default_idx = 9", "caffevis_boost_gamma_default_idx = 9 cannot be understood"),
        ("caffe_net_channel_swap = (1, 2, 0)", r"channel_order = 'channel_swap \(1, 2, 0\)' is not allowed"),
    ],
)
def test_what_cannot_be_understood_is_said(text: str, sentence: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=sentence):
        read_settings(write(tmp_path / "settings_local.py", text), lambda words: None)


def test_every_old_name_has_a_place_in_the_settings_or_words_for_what_replaces_it() -> None:
    for name, rule in OLD_NAMES.items():
        if isinstance(rule, Renamed):
            assert rule.name in Settings.model_fields, name
        else:
            assert isinstance(rule, Replaced)
            assert len(rule.by) > 5, name


def test_what_is_printed_of_an_old_file_is_a_file_of_today(tmp_path: Path) -> None:
    old = read_settings(write(tmp_path / "settings_local.py", YOSINSKI), lambda words: None)
    printed = read_settings(write(tmp_path / "printed.py", to_python(old)), lambda words: pytest.fail(words))
    left_out = {"layer_names": None, "hidden_layers": ()}
    assert printed == old.model_copy(update=left_out)


def test_the_old_pixels_become_the_same_blob(make_model, tmp_path: Path) -> None:
    """arikpoz's Transformer: channel swap, raw scale on 0-1, minus the mean, times the input scale."""
    model = make_model()
    (tmp_path / "nets").mkdir()
    write_message(tmp_path / "nets" / "deploy.prototxt", model.net)
    write_weights(tmp_path / "nets" / "net.caffemodel", model.net, model.weights)
    mean = np.random.default_rng(0).uniform(90, 130, (3, 20, 24)).astype(np.float32)
    np.save(tmp_path / "nets" / "mean.npy", mean)
    file = write(tmp_path / "model_settings" / "settings_mine.py", ARIKPOZ)
    opened = with_bar(opening_settings(read_settings(file, lambda words: None)), quiet=True)
    picture = np.random.default_rng(1).integers(0, 256, (20, 24, 3), np.uint8)
    swapped = picture[..., ::-1].transpose(2, 0, 1) / 255 * 255.0
    expected = (swapped[:, 5:14, 6:17] - mean[:, 5:14, 6:17]) * 0.5
    np.testing.assert_allclose(opened.to_blob(picture), expected, atol=1e-4)


def test_a_mean_file_after_a_raw_scale_is_told_of(tmp_path: Path) -> None:
    """There the file was subtracted as it is, here it is scaled with the pixels."""
    messages: list[str] = []
    for number, scale in enumerate(("255.0", "1.0")):
        text = ARIKPOZ.replace("raw_scale = 255.0", f"raw_scale = {scale}")
        read_settings(write(tmp_path / f"{number}.py", text), messages.append)
    assert "a mean file was subtracted" not in messages[0]
    assert "mean.npy: there a mean file was subtracted as it is, after the raw scale (1 on pixels 0-1)" in messages[1]


def test_a_grey_net_of_the_old_toolbox(make_model, tmp_path: Path) -> None:
    model = make_model("GRAY")
    write_message(tmp_path / "deploy.prototxt", model.net)
    write_weights(tmp_path / "deploy.caffemodel", model.net, model.weights)
    text = "caffevis_deploy_prototxt = 'deploy.prototxt'\nis_gray_model = True\ncaffevis_data_mean = None\n"
    opened = with_bar(opening_settings(read_settings(write(tmp_path / "s.py", text), lambda words: None)), quiet=True)
    assert opened.preprocessing.channel_order == "GRAY"
    assert opened.preprocessing.raw_scale == open_model(tmp_path / "deploy.prototxt").preprocessing.raw_scale


@pytest.mark.parametrize(
    ("lines", "pair"),
    [
        ("is_siamese = True", "channels"),
        ("is_siamese = True\nsiamese_input_mode = 'concat_along_width'", "width"),
        ("is_siamese = False\nsiamese_input_mode = 'concat_along_width'", None),
    ],
)
def test_siamese_nets(lines: str, pair: str | None, tmp_path: Path) -> None:
    swap = "caffe_net_channel_swap = (2, 1, 0, 5, 4, 3)"
    settings = read_settings(write(tmp_path / "settings.py", f"{ARIKPOZ}\n{lines}\n{swap}"), lambda _: None)
    assert (settings.pair, settings.channel_order) == (pair, "BGR")
    assert settings.images == tmp_path / "list.txt"


def test_an_unknown_format_of_siamese_nets(tmp_path: Path) -> None:
    text = f"{ARIKPOZ}\nis_siamese = True\nsiamese_input_mode = 'on top'"
    with pytest.raises(SettingsError, match="siamese_input_mode = 'on top' is not known; it can be concat_channelwise"):
        read_settings(write(tmp_path / "settings.py", text), lambda _: None)
