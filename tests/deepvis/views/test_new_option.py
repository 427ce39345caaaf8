"""docs/window.md: one field, one row of keys and one row of widgets make an option; all else follows from the field."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from prototxt.formats.text import write_message
from prototxt.formats.weights import write_weights

REPOSITORY = Path(__file__).parents[3]
ROWS = {
    "deepvis/state/options.py": {
        "    layer_mode: LayerMode": (
            '    glow: Annotated[float, Option((0.0, 0.5, 1.0), "colours")] = Field(\n'
            '        default=0.0, ge=0, le=1, description="how far bright places shine"\n'
            "    )\n"
        ),
        "    fit: Fit": '    plain: bool = Field(default=False, description="whether nothing shines")\n',
    },
    "deepvis/views/keys.py": {
        '    Command("next_boost"': (
            '    Command("next_glow", "View", "Let bright places shine", ("Ctrl+G",)),\n'
            '    Command("toggle_plain", "View", "Let nothing shine"),\n'
        )
    },
    "deepvis/views/options_pane.py": {
        '        Row("boost"': '        Row("glow", "Glow"),\n        Row("plain", "Plain"),\n'
    },
}
"""Two options, one of them a preference; what is put before which line."""

SCRIPT = """
import json, sys
from pathlib import Path
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
import deepvis
from deepvis.commands.snapshot import fields_with_options
from deepvis.controllers.actions import ACTIONS
from deepvis.session.links import link_to, read_link
from deepvis.session.opening import open_session
from deepvis.settings.settings import Settings, to_python
from deepvis.views.app import first_state, make_window
from deepvis.views.application import make_application
from deepvis.views.snapshot import wait_until_idle

app = make_application(10)
net, pictures = map(Path, sys.argv[1:])
settings = Settings(model=net, images=pictures, device="cpu", layer="conv1", plain=True)
session = open_session(settings).session
model = first_state(settings, session.engine.net)
window = make_window(session, model)
window.show()
window.start()
wait_until_idle(app, window)
drawn = window.grid_pane.content


def now():
    rows = window.options_pane.rows
    state = window.controller.state
    return [model.glow, model.plain, state.glow, state.plain, rows["glow"].currentData(), rows["plain"].isChecked()]


table = window.help_pane.table
found = {
    "package": deepvis.__file__,
    "help": {table.item(row, 1).text(): table.item(row, 0).text() for row in range(table.rowCount())},
    "menus": {menu.text(): [line.text() for line in menu.menu().actions()] for menu in window.menuBar().actions()},
    "start": now(),
    "choices": [window.options_pane.rows["glow"].itemText(place) for place in range(3)],
    "tooltip": window.options_pane.rows["glow"].toolTip(),
}
QTest.keyClick(window, Qt.Key.Key_G, Qt.KeyboardModifier.ControlModifier)
wait_until_idle(app, window)
found["drawn anew"] = window.grid_pane.content is not drawn
window.options_pane.rows["plain"].click()
wait_until_idle(app, window)
found["changed"] = now()
window.options_pane.rows["glow"].activated.emit(2)
found["chosen"] = model.glow
link = str(link_to(settings, model, ("conv1", 0)))
found["link"] = link
found["wishes"] = {name: read_link(link).wishes()[name] for name in ("glow", "plain")}
QTest.keyClick(window, Qt.Key.Key_Escape)
wait_until_idle(app, window)
found["reset"] = now()
found["snapshot"] = {"glow", "plain"} <= set(fields_with_options())
found["settings"] = [line for line in to_python(settings).splitlines() if line.startswith(("glow", "plain"))]
found["failed"] = [problem.sentence for problem in window.controller.failed]
window.close()
print(json.dumps(found))
"""


@pytest.fixture
def with_rows(tmp_path):
    """A copy of the package with the rows of two more options."""
    shutil.copytree(REPOSITORY / "deepvis", tmp_path / "deepvis", ignore=shutil.ignore_patterns("__pycache__"))
    for file, rows in ROWS.items():
        text = (REPOSITORY / file).read_text(encoding="utf-8")
        for line, row in rows.items():
            assert text.count("\n" + line) == 1, f"{file} has no line that begins with {line!r}"
            text = text.replace("\n" + line, "\n" + row + line)
        (tmp_path / file).write_text(text, encoding="utf-8")
    return tmp_path


def test_an_option_is_one_field_one_key_and_one_widget(with_rows, make_model, make_pictures, tmp_path):
    model = make_model()
    (tmp_path / "net").mkdir()
    write_message(tmp_path / "net" / "small.prototxt", model.net)
    write_weights(tmp_path / "net" / "small.caffemodel", model.net, model.weights)
    command = [sys.executable, "-c", SCRIPT, str(tmp_path / "net" / "small.prototxt"), str(make_pictures(2).root)]
    path = os.pathsep.join([str(with_rows), str(REPOSITORY)])
    environment = {**os.environ, "PYTHONPATH": path, "QT_QPA_PLATFORM": "offscreen"}
    ended = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120)
    assert ended.returncode == 0, ended.stderr
    found = json.loads(ended.stdout.splitlines()[-1])
    assert found["package"].startswith(str(with_rows))
    assert found["help"]["Let bright places shine"] == "Ctrl+G"
    assert found["help"]["Let nothing shine"] == ""
    assert {"Let bright places shine", "Let nothing shine"} <= set(found["menus"]["View"])
    assert found["choices"] == ["0", "0.5", "1"]
    assert found["tooltip"] == "Let bright places shine (Ctrl+G)"
    assert found["start"] == [0.0, True, 0.0, True, 0.0, True]
    assert found["changed"] == [0.5, False, 0.5, False, 0.5, False]
    assert found["drawn anew"], "it is one of the colours, which the middle follows"
    assert found["chosen"] == 1.0
    assert "glow=1.0" in found["link"]
    assert found["wishes"] == {"glow": 1.0, "plain": False}
    assert found["reset"] == [0.0, True, 0.0, True, 0.0, True], "the default, and what the settings say"
    assert found["snapshot"]
    assert found["settings"] == ["plain = True  # whether nothing shines"]
    assert found["failed"] == []
