"""G15: fitted models as files, and files that somebody has changed.

    python -m benchmarks.reliability.persistence FORMAT SEED N

reads N changed files and prints a line before each and what came of it; every event of
Python that could be code of the file is noted by an audit hook. It is a process of its
own, so that a crash of the interpreter is counted.
"""

import io
import json
import os
import pickle
import random
import subprocess
import sys
import tempfile
import warnings
import zipfile
from collections import Counter
from contextlib import suppress
from functools import cache
from pathlib import Path

import joblib
import numpy as np
import skops.io
from bits import digest
from fitted_models import FLAT, OTHERS, answers, assert_same
from grid import X_NEW
from models import MODELS

from benchmarks.reliability.goals import Count, count
from skexperts.io import TRUSTED, from_flat, to_flat
from skexperts.io._flat_file import pack, unpack  # noqa: PLC2701

# Small models of all kinds that both formats hold.
NAMES = [
    *("classifier", "alpha", "rounds", "segments", "groups", "kmeans", "mixture"),
    *("dbscan", "pipelines", "class weights", "gated two", "gated values"),
    *("coder", "alpha classifier", "selector", "l1_svc"),
]
EVENTS = (
    *("exec", "os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn"),
    *("os.system", "os.remove", "os.rename", "os.rmdir", "os.chmod", "os.mkdir"),
    *("os.putenv", "pickle.find_class", "pty.spawn", "shutil.rmtree"),
    *("socket.connect", "subprocess.Popen", "ctypes.dlopen", "import", "marshal.loads"),
)
BATCH = 500
LOADS = "the same, or another model"


# Round trips --------------------------------------------------------------------------


def by_pickle(model, folder):
    return pickle.loads(pickle.dumps(model))


def by_joblib(model, folder):
    joblib.dump(model, folder / "model")
    return joblib.load(folder / "model")


def by_skops(model, folder):
    data = skops.io.dumps(model)
    others = set(skops.io.get_untrusted_types(data=data)) - set(TRUSTED)
    # Trees and sparse matrices, which skops leaves to the user to trust.
    assert not any(name.startswith("skexperts.") for name in others), others
    return skops.io.loads(data, trusted=[*TRUSTED, *others])


def by_flat(model, folder):
    to_flat(model, folder / "model")
    return from_flat(folder / "model")


FORMATS = {"pickle": by_pickle, "joblib": by_joblib, "skops": by_skops, "flat": by_flat}
# What a format says of a model that it does not hold.
HOLDS_NOT = {
    "skops": "Birch are not supported",
    "flat": "which a flat file cannot hold",
}
GRID = {model.name: model for model in MODELS}


@cache
def fitted(name):
    return GRID[name].fit() if name in GRID else (FLAT | OTHERS)[name]()


def goes_through(name, form, refused):
    """Write and read a model; the same bits of what it has learned and says."""
    model = fitted(name)
    with tempfile.TemporaryDirectory() as folder:
        try:
            again = FORMATS[form](model, Path(folder))
        except TypeError as error:
            assert HOLDS_NOT.get(form, "nothing") in str(error), error
            refused.append(name)
            return True
    if name in GRID:
        return digest(again, X_NEW) == digest(model, X_NEW)
    assert_same(again, model)
    return True


# Changed files ------------------------------------------------------------------------


def nodes_of(tree):
    """Yield the container and the key of everything in a tree of JSON."""
    keys = tree.keys() if isinstance(tree, dict) else range(len(tree))
    for key in list(keys):
        yield tree, key
        if isinstance(tree[key], dict | list):
            yield from nodes_of(tree[key])


def changed_tree(tree, rng, canary):
    """Change some places of a tree: other values, classes, and what is elsewhere."""
    tree = json.loads(json.dumps(tree))
    for _ in range(rng.choice([1, 1, 1, 2, 5])):
        places = list(nodes_of(tree))
        if not places:
            return tree
        parent, key = rng.choice(places)
        other, its = rng.choice(places)
        value = rng.choice(
            [None, True, -1, 0, 1, 3, 10**6, -(2**65), 0.5, "", "fit", "a" * 50, [], {}]
        )
        kind = rng.random()
        if kind < 0.35:
            parent[key] = value
        elif kind < 0.6:
            parent[key] = json.loads(json.dumps(other[its]))
        elif kind < 0.7 and isinstance(parent, list | dict):
            del parent[key]
        else:
            hostile(places, rng, canary)
    return tree


def hostile(places, rng, canary):
    """Name a function that runs what it is given, in place of a class."""
    module, name = rng.choice(
        [
            *(("os", "system"), ("builtins", "eval"), ("builtins", "exec")),
            *(("subprocess", "Popen"), ("posix", "system"), ("pickle", "loads")),
            *(("builtins", "getattr"), ("importlib", "import_module")),
            *(("numpy", "load"), ("joblib", "load"), ("operator", "methodcaller")),
        ]
    )
    command = f"open({canary!r}, 'w')" if module == "builtins" else f"touch {canary}"
    classes = [p for p, k in places if k == "__class__"]
    parts = [p for p, k in places if k == 1 and isinstance(p, list) and p[0] == "part"]
    if classes:
        node = rng.choice(classes)
        node["__class__"], node["__module__"] = name, module
        if rng.random() < 0.5:
            node["__loader__"] = rng.choice(LOADERS)
        if rng.random() < 0.5:
            node["content"] = rng.choice([command, [command], {"func": command}])
    elif parts:
        rng.choice(parts)[1] = rng.choice([name, f"{module}.{name}"])


LOADERS = [
    *("ObjectNode", "TypeNode", "FunctionNode", "MethodNode", "PartialNode"),
    *("ReduceNode", "OperatorFuncNode", "JsonNode", "DictNode", "ListNode", "TreeNode"),
    *("SGDNode", "NdArrayNode", "BytesNode", "SparseMatrixNode", "CachedNode"),
    *("RandomStateNode", "TypeConstructorNode", "UfuncNode", "DtypeNode"),
]


def changed_numbers(array, rng):
    """Change a number, or the shape, or the type of an array."""
    array = array.copy()
    kind = rng.random()
    if kind < 0.6 and array.size and array.dtype.kind in "biuf":
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            value = rng.choice([-1, 0, 1, 7, 10**6, 2**31, -(2**31), np.nan, np.inf])
            with suppress(OverflowError, ValueError):
                array.flat[rng.randrange(array.size)] = value
        return array
    if kind < 0.8:
        return array.ravel()[: rng.randrange(array.size + 1)]
    kinds = ["f4", "f8", "i4", "i8"] if array.dtype.kind in "biuf" else ["S2", "U2"]
    with np.errstate(all="ignore"):
        return array.astype(rng.choice(kinds))


def changed_bytes(data, rng):
    """Change some bytes of a file, or cut its end off."""
    data = bytearray(data)
    if rng.random() < 0.3:
        return bytes(data[: rng.randrange(len(data))])
    for _ in range(rng.choice([1, 1, 4, 32])):
        data[rng.randrange(len(data))] ^= rng.randrange(1, 256)
    return bytes(data)


def changed_skops(data, rng, canary):
    """Return a changed skops file: any bytes, or a whole archive of other content."""
    if rng.random() < 0.2:
        return changed_bytes(data, rng)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    arrays = [name for name in entries if name.endswith(".npy")]
    if arrays and rng.random() < 0.35:
        name = rng.choice(arrays)
        array = np.load(io.BytesIO(entries[name]), allow_pickle=False)
        file = io.BytesIO()
        np.save(file, changed_numbers(array, rng))
        entries[name] = file.getvalue()
    elif rng.random() < 0.1:
        name = rng.choice(list(entries))
        entries[name] = changed_bytes(entries[name], rng)
    else:
        tree = json.loads(entries["schema.json"])
        entries["schema.json"] = json.dumps(changed_tree(tree, rng, canary)).encode()
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return file.getvalue()


def changed_flat(data, rng, canary):
    """Return a changed flat file, with the right digest unless bytes are changed."""
    if rng.random() < 0.3:
        return changed_bytes(data, rng)
    tree, blocks = unpack(data)
    if rng.random() < 0.4:
        i = rng.randrange(len(blocks))
        blocks[i] = changed_numbers(blocks[i], rng)
    else:
        tree = changed_tree(tree, rng, canary)
    return pack(tree, blocks)


def data_of(form, name, folder):
    if form == "skops":
        return skops.io.dumps(fitted(name))
    to_flat(fitted(name), folder / "model")
    return (folder / "model").read_bytes()


def load(form, path):
    return skops.io.load(path, trusted=TRUSTED) if form == "skops" else from_flat(path)


def read_changed(form, seed, n_files):
    """Read changed files; print each number, and a line of JSON with the outcome."""
    warnings.simplefilter("ignore")
    changed = {"skops": changed_skops, "flat": changed_flat}[form]
    events, listening = [], [False]

    def hook(event, arguments):
        if listening[0] and (event in EVENTS or is_write(event, arguments)):
            events.append(f"{event} {arguments}"[:200])

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        canary = folder / "canary"
        files = {model: data_of(form, model, folder) for model in NAMES}
        for data in files.values():
            # What is imported once is no event of a changed file.
            (folder / "changed").write_bytes(data)
            model = load(form, folder / "changed")
            list(answers(model))
            repr(model)
        sys.addaudithook(hook)
        for i in range(seed, seed + n_files):
            rng = random.Random(i)
            data = changed(files[NAMES[i % len(NAMES)]], rng, os.fspath(canary))
            (folder / "changed").write_bytes(data)
            print(i, flush=True)
            model, outcome = None, LOADS
            events.clear()
            listening[0] = True
            try:
                model = load(form, folder / "changed")
            except Exception as error:
                outcome = type(error).__name__
            listening[0] = False
            ran = events.copy() + ["canary"] * canary.exists()
            canary.unlink(missing_ok=True)
            print(json.dumps({"load": outcome, "ran": ran}), flush=True)
            if outcome == LOADS:
                with suppress(Exception):
                    list(answers(model))
            print(json.dumps({"asked": True}), flush=True)


def is_write(event, arguments):
    """Whether a file is opened in order to write to it."""
    if event != "open":
        return False
    mode, flags = arguments[1], arguments[2]
    if isinstance(mode, str):
        return any(letter in mode for letter in "wax+")
    return bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))


def outcomes_of(form, n_files):
    """Read changed files in processes of their own; return what came of each."""
    outcomes = {}
    start, end = 0, n_files
    while start < end:
        size = min(BATCH, end - start)
        program = [sys.executable, "-W", "ignore", "-m", __name__, form]
        done = subprocess.run(
            [*program, str(start), str(size)], stdout=subprocess.PIPE, text=True
        )
        number = start
        for line in done.stdout.splitlines():
            if line.isdigit():
                number = int(line)
                outcomes[number] = {"load": "crash", "ran": [], "asked": False}
            else:
                outcomes[number] |= json.loads(line)
        if done.returncode and number not in outcomes:
            raise RuntimeError(f"no file could be read: {done.returncode}")
        start = number + 1 if done.returncode else start + size
    return outcomes


def counts_of(form, n_files, least, documented):
    """Yield the counts of changed files of a format."""
    outcomes = outcomes_of(form, n_files)
    kinds = Counter(one["load"] for one in outcomes.values())
    told = ", ".join(f"{n} {kind}" for kind, n in kinds.most_common())
    fine = [i for i, one in outcomes.items() if one["load"] != "crash"]
    what = f"changed {form} files load or raise an error, no crash"
    bad = [f"file {i}: crash" for i in outcomes.keys() - set(fine)]
    yield Count("G15", what, len(fine), len(outcomes), least, bad[:20])
    calm = [i for i, one in outcomes.items() if not one["ran"]]
    bad = [f"file {i}: {one['ran'][:3]}" for i, one in outcomes.items() if one["ran"]]
    what = f"changed {form} files run no code and open no file to write"
    yield Count("G15", what, len(calm), len(outcomes), least, bad[:20])
    asked = [i for i, one in outcomes.items() if one["asked"]]
    bad = [f"file {i}: crash" for i in outcomes.keys() - set(asked)]
    what = f"models of changed {form} files answer or raise, no crash"
    yield Count("G15", what, len(asked), len(outcomes), least, bad[:20])
    right = sum(kinds[kind] for kind in documented)
    what = f"changed {form} files: {', '.join(documented[1:])} or a model"
    bad = [] if right == len(outcomes) else [told]
    yield Count("G15", what, right, len(outcomes), least, bad)


def run(quick):
    """Yield the counts."""
    every = slice(None, None, 9) if quick else slice(None)
    names = [*FLAT, *OTHERS, *GRID][every]
    for form in FORMATS:
        refused: list = []
        those = count(
            "G15", "", names, lambda n, f=form, r=refused: goes_through(n, f, r)
        )
        what = (
            f"models through {form} with the same bits, {len(refused)} refused by name"
        )
        yield those._replace(what=what)
    errors = "ValueError", "UntrustedTypesFoundException", "UnsupportedTypeException"
    n_skops, n_flat = (160, 160) if quick else (5_000, 10_500)
    yield from counts_of("skops", n_skops, n_skops, [LOADS, *errors])
    yield from counts_of("flat", n_flat, n_flat, [LOADS, "ValueError"])


if __name__ == "__main__":
    read_changed(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
