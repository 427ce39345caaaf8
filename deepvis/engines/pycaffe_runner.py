"""A net that is kept ready in real Caffe: its process is started when it is needed, and again when it has died."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from deepvis.engines.pycaffe_process import PATIENCE, Arrays, CaffeProcess, WorkerDied
from deepvis.errors import ModelError
from prototxt.formats.schema import NetParameter
from prototxt.formats.text import write_message
from prototxt.formats.weights import Weights


class CaffeRunner:
    """Answers requests of `deepvis.engines.pycaffe_worker` on one net.

    Parameters
    ----------
    net : as `deepvis.engines.pycaffe_net.apart` writes it.
    weights : of its layers; others are left out.
    python : the Python that has pycaffe; None for the one that ``make caffe`` installs.
    patience : seconds that an answer is waited for.

    Attributes
    ----------
    version : of Caffe; empty until it has been started.
    shapes : of every blob; empty until then.
    """

    def __init__(
        self, net: NetParameter, weights: Weights, python: Path | None = None, patience: float = PATIENCE
    ) -> None:
        self.version = ""
        self.shapes: dict[str, list[int]] = {}
        self.patience = patience
        self._net = net
        self._weights = weights
        self._python = python
        self._notice = ""
        self._process: CaffeProcess | None = None
        self._asking = threading.Lock()
        self._closed = False

    @property
    def pid(self) -> int | None:
        """Number of the process; None while there is none."""
        process = self._process
        return None if process is None else process.pid

    def start(self) -> None:
        """Start the process and load the net.

        Raises
        ------
        ModelError : there is no Caffe, or it does not take the net.
        """
        with self._asking:
            try:
                self._ready()
            except WorkerDied as error:
                raise self._told(error) from error

    def ask(self, request: Mapping[str, Any], arrays: Arrays) -> Arrays:
        """Send a request and give the arrays of the answer; a process that has died before is started again.

        Raises
        ------
        ModelError : there is no Caffe, it does not take the net, it ends in the request, or it hangs.
        """
        with self._asking:
            had_one = self._process is not None
            try:
                return self._ready().ask(request, arrays, self.patience)[1]
            except WorkerDied as error:
                self._drop()
                if not had_one or self._closed or error.late:
                    raise self._told(error) from error
                why = str(error)
            try:
                answer = self._ready().ask(request, arrays, self.patience)[1]
            except WorkerDied as error:
                self._drop()
                raise self._told(error) from error
            self._notice = f"The worker process of real Caffe had died ({why}) and was started again"
            return answer

    def notice(self) -> str:
        """That the process had died and was started again, once; else empty."""
        notice, self._notice = self._notice, ""
        return notice

    def close(self) -> None:
        """End the process, from any thread; a request that waits for it fails."""
        self._closed = True
        process = self._process
        if process is not None:
            process.kill()
        with self._asking:
            self._drop()

    def _ready(self) -> CaffeProcess:
        """The process with the net in it."""
        if self._closed:
            raise ModelError("this engine is closed; choose one in the menu Compute")
        if self._process is None:
            process = self._process = CaffeProcess(self._python)
            if self._closed:  # while it was started: `close` has not seen it
                process.kill()
            try:
                process.wait_until_ready(self.patience)
                self._load(process)
            except WorkerDied:
                self._drop()
                raise
            except ModelError as error:
                self._drop()
                raise self._told(error) from error
        return self._process

    def _load(self, process: CaffeProcess) -> None:
        """Give it net and weights; the file of the net is gone as soon as it is read."""
        weights = {layer.name: self._weights.get(layer.name, []) for layer in self._net.layer}
        blobs = [(name, place) for name, arrays in weights.items() for place in range(len(arrays))]
        arrays = {str(number): weights[name][place] for number, (name, place) in enumerate(blobs)}
        with tempfile.TemporaryDirectory(prefix="deepvis-caffe-") as folder:
            file = Path(folder) / "net.prototxt"
            write_message(file, self._net)
            table, _ = process.ask({"do": "load", "prototxt": str(file), "weights": blobs}, arrays, self.patience)
        self.shapes, self.version = table["shapes"], table["version"]

    def _told(self, error: ModelError) -> ModelError:
        return ModelError(
            f"real Caffe does not run the net {self._net.name!r}: {error}; the next request starts it again, or choose"
            " torchcaffe in the menu Compute"
        )

    def _drop(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.close()
