"""The vocabulary in which layers are described; every program that a net is written for says each word its own way."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np

from converters.back.source_layer import SourceLayer
from converters.back.windows import Filters, Pool


@dataclass(frozen=True)
class Detection:
    """Settings of non-maximum suppression.

    Attributes
    ----------
    images, boxes, classes : how many there are.
    background : the class that is never found.
    shared : all classes have the same boxes.
    threshold : scores must be above it; None for all.
    overlap : boxes that overlap a better one by more are dropped.
    eta : factor on ``overlap`` after each box, while it is above 0.5.
    candidates : how many of the best boxes of a class are looked at; None for all.
    most : how many boxes of an image stay; None for all.
    """

    images: int
    boxes: int
    classes: int
    background: int
    shared: bool
    threshold: float | None
    overlap: float
    eta: float
    candidates: int | None
    most: int | None


V = TypeVar("V")
"""A value in the program that is written: a name of ONNX, an expression of Python."""


class Emitter(ABC, Generic[V]):
    """Where a net is written to.

    Axes are counted from the front. A method that takes ``b: V | float`` takes a value or a number. Sizes that stand
    for the batch must not be written down: descriptions give 0 (keep) and -1 (what is left) in their place.

    Attributes
    ----------
    layer : the one that is described at the moment.
    """

    layer: SourceLayer

    # -- stored numbers ---------------------------------------------------------------------------------------------

    @abstractmethod
    def parameter(self, role: str, array: np.ndarray, blob: int | None = None) -> V:
        """A stored array; ``role`` is what it is to its layer. Without a ``blob`` (its place) nothing learns it."""

    # -- layers with parameters -------------------------------------------------------------------------------------

    @abstractmethod
    def convolution(self, x: V, filters: Filters) -> V:
        """(N, C, ...) → (N, outputs, ...), of the layer's blobs."""

    @abstractmethod
    def linear(self, x: V, weight: np.ndarray, bias: np.ndarray | None, axes: int, role: str = "") -> V:
        """(..., inputs) of ``axes`` axes → (..., outputs); ``weight`` (outputs, inputs); ``role`` of several."""

    @abstractmethod
    def batch_norm(
        self, x: V, mean: np.ndarray, variance: np.ndarray, eps: float, affine: tuple[np.ndarray, np.ndarray] | None
    ) -> V:
        """(N, C, ...): ``(x - mean) / sqrt(variance + eps)``, and then factor and summand of ``affine``."""

    @abstractmethod
    def prelu(self, x: V, slope: np.ndarray) -> V:
        """(N, C, ...) with slopes (C,) or (1,)."""

    @abstractmethod
    def embedding(self, x: V, rows: np.ndarray) -> V:
        """Indices as float numbers → a row for each."""

    # -- windows ----------------------------------------------------------------------------------------------------

    @abstractmethod
    def max_pool(self, x: V, pool: Pool) -> V:
        """(N, C, H, W) → (N, C, pooled H, pooled W); the largest negative number where a window is empty."""

    @abstractmethod
    def max_pool_places(self, x: V, pool: Pool) -> tuple[V, V]:
        """`max_pool`, and where in the map (h · W + w) the maxima are, as float numbers; -1 where a window is empty."""

    @abstractmethod
    def average_pool(self, x: V, pool: Pool) -> V:
        """Mean over the part of each window in the padded map; of empty windows see `Pool.empty`."""

    @abstractmethod
    def global_pool(self, x: V, maximum: bool) -> V:
        """(N, C, H, W) → (N, C, 1, 1)."""

    @abstractmethod
    def local_response(self, x: V, size: int, alpha: float, beta: float, k: float) -> V:
        """LRN across channels: (N, C, H, W) → the same."""

    @abstractmethod
    def patches(self, x: V, filters: Filters, size: tuple[int, int]) -> V:
        """(N, C, H, W) → (N, C · kernel, ``size``): what lies under each position of a kernel."""

    @abstractmethod
    def resize(self, x: V, before: tuple[int, int], size: tuple[int, int], mode: str) -> V:
        """(N, C, ``before``) → (N, C, ``size``); mode "nearest" (whole factors) or "align corners" (bilinear)."""

    # -- functions of every number ----------------------------------------------------------------------------------

    @abstractmethod
    def activation(self, kind: str, x: V, **settings: Any) -> V:
        """The layer's only work: relu, leaky_relu, elu, sigmoid, tanh, softplus, relu6, softmax or dropout."""

    @abstractmethod
    def unary(self, kind: str, x: V) -> V:
        """A step of a layer's work: abs, exp, log, sqrt, relu, sigmoid, tanh."""

    @abstractmethod
    def add(self, a: V, b: V | float) -> V:
        """``a + b``, broadcast."""

    @abstractmethod
    def subtract(self, a: V, b: V | float) -> V:
        """``a - b``, broadcast."""

    @abstractmethod
    def multiply(self, a: V, b: V | float) -> V:
        """``a · b``, broadcast."""

    @abstractmethod
    def divide(self, a: V, b: V | float) -> V:
        """``a / b``, broadcast."""

    @abstractmethod
    def power(self, a: V, exponent: float) -> V:
        """``a ** exponent``."""

    @abstractmethod
    def maximum(self, a: V, b: V) -> V:
        """The larger one."""

    @abstractmethod
    def clamp(self, x: V, low: float, high: float) -> V:
        """``min(max(x, low), high)``."""

    @abstractmethod
    def greater(self, a: V, b: float) -> V:
        """1 where ``a > b``, else 0."""

    @abstractmethod
    def fill(self, like: V, number: float) -> V:
        """``number`` in the shape of a value."""

    # -- several numbers to one -------------------------------------------------------------------------------------

    @abstractmethod
    def reduce(self, kind: str, x: V, axes: Sequence[int], keep: bool) -> V:
        """``kind`` is sum or mean, over ``axes``, which stay as 1 with ``keep``."""

    @abstractmethod
    def largest(self, x: V, axis: int, length: int, count: int) -> tuple[V, V]:
        """The ``count`` largest of ``length`` numbers along an axis and their places; of equal ones the last first."""

    # -- shapes -----------------------------------------------------------------------------------------------------

    @abstractmethod
    def reshape(self, x: V, dims: Sequence[int]) -> V:
        """0 keeps the axis at the same place, one -1 is what is left."""

    @abstractmethod
    def flatten(self, x: V, axis: int, shape: Sequence[int]) -> V:
        """The axes from ``axis`` on as one; ``shape`` is what x has by the prototxt."""

    @abstractmethod
    def transpose(self, x: V, order: Sequence[int]) -> V:
        """Axes in another order."""

    @abstractmethod
    def append_axes(self, x: V, axes: int, count: int) -> V:
        """``count`` axes of length 1 behind the ``axes`` that x has."""

    @abstractmethod
    def concatenate(self, values: Sequence[V], axis: int) -> V:
        """One behind the other along ``axis``."""

    @abstractmethod
    def narrow(self, x: V, axis: int, start: int, stop: int | None) -> V:
        """Positions ``start`` to ``stop`` (not included; None: all the rest) of an axis."""

    @abstractmethod
    def crop(self, x: V, like: V, axis: int, offsets: Sequence[int], sizes: Sequence[int]) -> V:
        """The axes from ``axis`` on in the size of ``like`` (``sizes`` by the prototxt), from ``offsets`` on."""

    @abstractmethod
    def pad(self, x: V, axes: int, pads: Sequence[tuple[int, int]], number: float = 0.0) -> V:
        """``number`` before and behind the last ``len(pads)`` of ``axes`` axes."""

    @abstractmethod
    def tile(self, x: V, axes: int, axis: int, count: int) -> V:
        """x, of ``axes`` axes, ``count`` times along an axis."""

    @abstractmethod
    def pick(self, x: V, index: V) -> V:
        """Items of the first axis by their numbers, which are float numbers of one axis."""

    @abstractmethod
    def choose(self, x: V, selector: V) -> V:
        """Items of the first axis whose number in ``selector`` (N, 1, ...) is not 0."""

    # -- whole algorithms -------------------------------------------------------------------------------------------

    @abstractmethod
    def recurrent(
        self, kind: str, inputs: V, cont: V, states: Sequence[V], weight: np.ndarray, steps: int
    ) -> tuple[V, list[V]]:
        """Run "lstm" or "rnn" over time.

        Parameters
        ----------
        inputs : (T, N, rows), what comes from outside.
        cont : (T, N), 0 where a sequence begins.
        states : before the first step, (N, units) each; none for zeros.
        weight : (rows, units), of the visible state.
        steps : T.

        Returns
        -------
        The visible state after every step (T, N, units), and all states after the last one, (N, units) each.
        """

    @abstractmethod
    def detect(self, boxes: V, scores: V, settings: Detection) -> V:
        """Find what is where by non-maximum suppression.

        Parameters
        ----------
        boxes : (images, boxes, 1 or classes, 4), corners.
        scores : (images, boxes, classes).

        Returns
        -------
        (1, 1, rows, 7): image, label, score and corners; in each image by label, the best first.
        """

    # -- names ------------------------------------------------------------------------------------------------------

    def keep(self, x: V, role: str) -> V:
        """The same value, to be read several times; ``role`` is what it is to its layer."""
        return x
