"""Transfer functions that the user writes as an expression: parsed and checked node by node, never run as code."""

from __future__ import annotations

import ast
import functools
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from entropy.errors import PlanError

Array = NDArray[np.float64]
NAMES = ("H", "Hmax", "th")
LONGEST = 1000

# Name: (function, fewest arguments, most arguments).
FUNCTIONS: dict[str, tuple[Callable[..., Any], int, int]] = {
    "abs": (np.abs, 1, 1),
    "ceil": (np.ceil, 1, 1),
    "clip": (np.clip, 3, 3),
    "cos": (np.cos, 1, 1),
    "exp": (np.exp, 1, 1),
    "floor": (np.floor, 1, 1),
    "log": (np.log, 1, 1),
    "log2": (np.log2, 1, 1),
    "maximum": (np.maximum, 2, 2),
    "minimum": (np.minimum, 2, 2),
    "sin": (np.sin, 1, 1),
    "sqrt": (np.sqrt, 1, 1),
    "tanh": (np.tanh, 1, 1),
    "where": (np.where, 3, 3),
}
_BINARY: dict[type[ast.AST], Callable[[Any, Any], Any]] = {
    ast.Add: np.add,
    ast.Sub: np.subtract,
    ast.Mult: np.multiply,
    ast.Div: np.divide,
    ast.Pow: np.power,
}
_COMPARE: dict[type[ast.AST], Callable[[Any, Any], Any]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
_UNARY: dict[type[ast.AST], Callable[[Any], Any]] = {
    ast.USub: np.negative,
    ast.UAdd: np.positive,
    ast.Not: np.logical_not,
}
_LOGICAL: dict[type[ast.AST], Callable[[Any, Any], Any]] = {ast.And: np.logical_and, ast.Or: np.logical_or}


@dataclass(frozen=True)
class Expression:
    """A transfer function over H, Hmax and th.

    Parameters
    ----------
    text : as the user wrote it.
    names : those of H, Hmax and th that occur in it.
    """

    text: str
    tree: ast.expr
    names: frozenset[str]

    def __call__(self, values: Mapping[str, Array]) -> Array:
        """Give the multiplier of every filter.

        Parameters
        ----------
        values : of the names, scalars or (M,); ``H`` must be there and gives M.

        Returns
        -------
        (M,) float64 in [0, 1].

        Raises
        ------
        PlanError : a result that is no number, or outside [0, 1].
        """
        with np.errstate(all="ignore"):
            result = np.asarray(_value(self.tree, values), np.float64)
        rates = np.broadcast_to(result, values["H"].shape).copy()
        wrong = ~np.isfinite(rates) | (rates < 0) | (rates > 1)
        if wrong.any():
            first = int(np.flatnonzero(wrong)[0])
            raise PlanError(
                f"function {self.text!r}: gives {rates[first]:g} for H = {values['H'][first]:g} ({wrong.sum()} such "
                f"filters); a multiplier must lie between 0 and 1: use clip({self.text}, 0, 1), or where(...)"
            )
        return rates


def parse_expression(text: str) -> Expression:
    """Parse a transfer function such as ``where(H < th, 1, exp(-3 * H / Hmax))``.

    It may hold the names H, Hmax and th, numbers, + - * / **, comparisons, and, or, not, and `FUNCTIONS`.

    Raises
    ------
    PlanError : anything else; names it and its place.
    """
    text = text.strip()
    if len(text) > LONGEST:
        raise PlanError(f"a function may have {LONGEST} characters; this one has {len(text)}")
    try:
        tree = ast.parse(text, mode="eval").body
        names = frozenset(_check(tree, text))
    except (SyntaxError, ValueError, OverflowError, RecursionError, MemoryError) as error:
        column = f", column {error.offset}" if isinstance(error, SyntaxError) else ""
        raise PlanError(f"function {text!r}: is no expression ({getattr(error, 'msg', error)}{column})") from None
    return Expression(text, tree, names)


def _refuse(node: ast.AST, text: str, what: str) -> PlanError:
    place = getattr(node, "col_offset", 0) + 1
    return PlanError(
        f"function {text!r}, column {place}: {what}; it may hold H, Hmax, th, numbers, + - * / **, comparisons, "
        f"and, or, not, and {', '.join(FUNCTIONS)}"
    )


def _check(node: ast.expr, text: str) -> list[str]:
    """Give the names below a node; refuse what is not on the lists."""
    if isinstance(node, ast.Name):
        if node.id not in NAMES:
            raise _refuse(node, text, f"unknown name {node.id!r}")
        return [node.id]
    return [name for child in _children(node, text) for name in _check(child, text)]


def _children(node: ast.expr, text: str) -> list[ast.expr]:
    match node:
        case ast.Constant(value=bool()):
            raise _refuse(node, text, "numbers only")
        case ast.Constant(value=int() | float() as number):
            float(number)  # OverflowError beyond 1e308
            return []
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _BINARY:
            return [left, right]
        case ast.UnaryOp(op=op, operand=operand) if type(op) in _UNARY:
            return [operand]
        case ast.Compare(left=left, ops=ops, comparators=others) if all(type(op) in _COMPARE for op in ops):
            return [left, *others]
        case ast.BoolOp(values=sides):
            return sides
        case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]) if name in FUNCTIONS:
            _, fewest, most = FUNCTIONS[name]
            if not fewest <= len(arguments) <= most:
                raise _refuse(node, text, f"{name} takes {most} arguments, not {len(arguments)}")
            return arguments
    raise _refuse(node, text, f"{ast.unparse(node)!r} is not allowed")


def _value(node: ast.expr, values: Mapping[str, Array]) -> Any:
    match node:
        case ast.Name(id=name):
            return values[name]
        case ast.Constant(value=int() | float() as number):
            return np.float64(number)
        case ast.BinOp(left=left, op=op, right=right):
            return _BINARY[type(op)](_value(left, values), _value(right, values))
        case ast.UnaryOp(op=op, operand=operand):
            return _UNARY[type(op)](_value(operand, values))
        case ast.BoolOp(op=op, values=parts):
            return functools.reduce(_LOGICAL[type(op)], [_value(part, values) for part in parts])
        case ast.Compare(left=left, ops=ops, comparators=others):
            sides = [_value(side, values) for side in (left, *others)]
            pairs = zip(ops, sides[:-1], sides[1:], strict=True)
            return functools.reduce(np.logical_and, [_COMPARE[type(op)](a, b) for op, a, b in pairs])
        case ast.Call(func=ast.Name(id=name), args=arguments):
            return FUNCTIONS[name][0](*(_value(argument, values) for argument in arguments))
    raise AssertionError(ast.dump(node))  # _check has let nothing else pass
