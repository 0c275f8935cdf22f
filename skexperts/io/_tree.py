"""Fitted models as a tree of lists for JSON, and blocks of numbers.

A node is None, a bool, a number or a string, or a list that begins with its kind:

=====================================  ================================================
``["array", block, start, shape, o]``  numbers of a block from ``start`` on, order o
``["scalar", block, start]``           one number of a block, of its type
``["objects", [...]]``                 an array of strings and numbers, as objects
``["csr", class, shape, ...]``         nodes of data, indices and indptr
``["list", [...]]``, ``["tuple", …]``  nodes
``["dict", [[key, value], ...]]``      nodes
``["part", class, [[name, node]...]]`` an object of a known class, with attributes
``["same", i]``                        the part that was the i-th to end
=====================================  ================================================
"""

import numpy as np
from scipy.sparse import csr_array, csr_matrix, issparse

from skexperts.io._registry import CLASSES, is_attribute, required, restore, state_of

_PLAIN = (type(None), bool, int, float, str)
_SPARSE = {"csr_array": csr_array, "csr_matrix": csr_matrix}


class Writer:
    """Makes the tree of a model and collects its numbers, a block for each type."""

    def __init__(self):
        self._blocks = {}
        self._sizes = {}
        self._parts = {}
        self._alive = []

    def blocks(self):
        """Return the blocks, 1-D arrays."""
        return [np.concatenate(parts) for parts in self._blocks.values()]

    def node(self, value, path):
        """Return the node of a value.

        Parameters
        ----------
        value : object
        path : str
            Where it is, for messages.
        """
        if type(value) in _PLAIN:
            return value
        if isinstance(value, np.ndarray):
            return self._array(value, path)
        if isinstance(value, np.generic):
            return ["scalar", *self._store(np.asarray(value), path)]
        if issparse(value) and type(value).__name__ in _SPARSE:
            names = ("data", "indices", "indptr")
            nodes = [self._array(getattr(value, n), f"{path}.{n}") for n in names]
            return ["csr", type(value).__name__, list(value.shape), *nodes]
        if type(value) in (list, tuple):
            nodes = [self.node(each, f"{path}[{i}]") for i, each in enumerate(value)]
            return [type(value).__name__, nodes]
        if type(value) is dict:
            pairs = [
                [self.node(key, f"{path} (a key)"), self.node(each, f"{path}[{key!r}]")]
                for key, each in value.items()
            ]
            return ["dict", pairs]
        if CLASSES.get(type(value).__name__) is type(value):
            return self._part(value, path)
        raise TypeError(
            f"{path} is a {type(value).__module__}.{type(value).__name__}, which a "
            "flat file cannot hold. Use skops.io with trusted=skexperts.io.TRUSTED, or "
            "pickle, if you trust whoever may change the file."
        )

    def _part(self, part, path):
        if id(part) in self._parts:
            return ["same", self._parts[id(part)]]
        state = state_of(part)
        # No other object may get the number of one that is gone.
        self._alive.append((part, state))
        nodes = []
        for name, value in state.items():
            where = f"{path}.{name}"
            if not is_attribute(type(part), name):
                raise TypeError(
                    f"{where} is no parameter and nothing that fit has set. Delete it."
                )
            nodes.append([name, self.node(value, where)])
        self._parts[id(part)] = len(self._parts)
        return ["part", type(part).__name__, nodes]

    def _array(self, array, path):
        if array.dtype == object:
            values = array.tolist()
            if array.ndim != 1 or any(type(value) not in _PLAIN for value in values):
                raise TypeError(
                    f"{path} is an array of objects that are not all strings, numbers "
                    "or None, which a flat file cannot hold."
                )
            return ["objects", values]
        order = "C" if array.flags.c_contiguous or not array.flags.f_contiguous else "F"
        return ["array", *self._store(array, path, order), list(array.shape), order]

    def _store(self, array, path, order="C"):
        if array.dtype.kind not in "biufUSMm":
            raise TypeError(f"{path} has the type {array.dtype} of no numbers or text.")
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise ValueError(f"{path} has NaN or infinity. Fit on other data.")
        kind = array.dtype.str
        block = self._blocks.setdefault(kind, [])
        start = self._sizes.get(kind, 0)
        block.append(array.ravel(order=order))
        self._sizes[kind] = start + array.size
        return list(self._blocks).index(kind), start


class Reader:
    """Makes a model of its tree and blocks; a ValueError says what is wrong.

    Parameters
    ----------
    blocks : list of 1-D ndarrays
    check : callable
        Called with every part that was made.
    """

    def __init__(self, blocks, check):
        self._blocks, self._check = blocks, check
        self._parts = []

    def value(self, node):
        """Return the value of a node."""
        if type(node) in _PLAIN:
            return node
        kind, *rest = node
        return _READERS[kind](self, *rest)

    def _array(self, block, start, shape, order):
        if type(start) is not int or not all(type(n) is int for n in shape):
            raise ValueError("the place of an array is not given by whole numbers")
        if start < 0 or min(shape, default=0) < 0 or order not in ("C", "F"):
            raise ValueError("the place of an array is not in the file")
        # Of Python's whole numbers, which do not overflow.
        size = 1
        for length in shape:
            size *= length
        numbers = self._blocks[block]
        if start + size > len(numbers):
            raise ValueError("an array goes beyond the end of the file")
        return numbers[start : start + size].copy().reshape(shape, order=order)

    def _scalar(self, block, start):
        return self._array(block, start, [], "C")[()]

    def _objects(self, values):
        if any(type(value) not in _PLAIN for value in values):
            raise ValueError("an array of objects holds more than text and numbers")
        array = np.empty(len(values), dtype=object)
        array[:] = values
        return array

    def _csr(self, name, shape, *nodes):
        matrix = _SPARSE[name](tuple(map(self.value, nodes)), shape=tuple(shape))
        matrix.check_format(full_check=True)
        return matrix

    def _list(self, nodes):
        return [self.value(node) for node in nodes]

    def _tuple(self, nodes):
        return tuple(self.value(node) for node in nodes)

    def _dict(self, pairs):
        return {self.value(key): self.value(node) for key, node in pairs}

    def _part(self, name, nodes):
        if name not in CLASSES:
            raise ValueError(f"it names the class {name!r}, which no file may hold")
        cls, state = CLASSES[name], {}
        for attribute, node in nodes:
            if not is_attribute(cls, attribute):
                raise ValueError(f"{name} has no attribute {attribute!r}")
            state[attribute] = self.value(node)
        if missing := sorted(required(cls) - set(state)):
            raise ValueError(f"{name} lacks {missing}")
        self._check(cls, state)
        part = restore(cls, state)
        self._parts.append(part)
        return part

    def _same(self, number):
        if type(number) is not int or not 0 <= number < len(self._parts):
            raise ValueError("it refers to a part that is not there")
        return self._parts[number]


_READERS = {
    "array": Reader._array,
    "csr": Reader._csr,
    "dict": Reader._dict,
    "list": Reader._list,
    "objects": Reader._objects,
    "part": Reader._part,
    "same": Reader._same,
    "scalar": Reader._scalar,
    "tuple": Reader._tuple,
}
