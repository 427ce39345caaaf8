"""Values behind a pane."""

from __future__ import annotations

import csv

from deepvis.controllers.contents import FactsContent, GridContent
from deepvis.controllers.panes.network import make_network
from deepvis.controllers.sources import Sources
from deepvis.controllers.values import Shown, values_of, write_values
from deepvis.engines.engine import Engine
from deepvis.session.session import Session
from deepvis.state.resolve import resolve
from deepvis.state.viewer import ViewerModel
from prototxt.common.progress import with_bar


def test_a_table_is_saved_column_by_column(make_model, tmp_path):
    engine = Engine(make_model())
    sources, state = Sources(Session(engine)), resolve(ViewerModel(layer="conv1"), engine.net)
    *_, content = make_network(state, sources)
    shown = Shown(state, sources, GridContent(), FactsContent(), {"network": content})
    found = {value.name: value for value in values_of("network", shown)}
    rows = content.analysis.rows
    assert found["network_analysis_rows_name"].array.tolist() == [row.name for row in rows]
    assert found["network_analysis_rows_count"].array.tolist() == [row.count for row in rows]
    assert found["network_analysis_rows_field"].axes == ("index",)
    assert not [name for name in found if name.startswith("network_analysis_rows_0")]
    with_bar(write_values(tuple(found.values()), tmp_path / "network.csv"), quiet=True)
    lines = list(csv.DictReader((tmp_path / "network.csv").read_text().splitlines()))
    names = [line["value"] for line in lines if line["array"] == "network_analysis_rows_name"]
    assert names == [row.name for row in rows]
