"""Flat files: the same model again, and nothing but a ValueError from bad files."""

import copy
import json
import re
import zipfile
from functools import cache
from io import BytesIO

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from fitted_models import FLAT, LABELS, SMALL, VALUES, X, answers, assert_same
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.cluster import DBSCAN, KMeans
from sklearn.linear_model import Ridge
from sklearn.tree import DecisionTreeClassifier

from skexperts import (
    L1SVC,
    L1SVR,
    GatedExpertsRegressor,
    PartitionedExpertsClassifier,
    PartitionedExpertsRegressor,
    RandomPartitioner,
    SparseCoder,
    TaskDrivenSparseCoder,
    TreePartitioner,
)
from skexperts.ensemble import prune_experts
from skexperts.io import from_flat, to_flat
from skexperts.io._flat_file import _digest, pack, unpack

pytestmark = pytest.mark.filterwarnings("ignore")


@cache
def fitted(name):
    return FLAT[name]()


def through(model, folder):
    to_flat(model, folder / "model.npz")
    return from_flat(folder / "model.npz")


@cache
def flat(name, folder):
    """Return the bytes of the file of a model."""
    to_flat(fitted(name), folder / "made.npz")
    return (folder / "made.npz").read_bytes()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("flat")


@pytest.mark.parametrize("name", FLAT)
def test_the_same_model_again(name, tmp_path):
    model = fitted(name)
    again = through(model, tmp_path)
    assert_same(again, model)
    assert_same(through(again, tmp_path), model)
    assert {*vars(model)} == {*vars(again)}
    np.testing.assert_equal(
        {k: v for k, v in model.get_params().items() if not hasattr(v, "fit")}.keys(),
        {k: v for k, v in again.get_params().items() if not hasattr(v, "fit")}.keys(),
    )
    assert repr(again) == repr(model)


def test_the_model_that_comes_back_is_whole(tmp_path):
    model = fitted("segments")
    again = through(model, tmp_path)
    assert again.score(X, VALUES) == model.score(X, VALUES)
    assert again.fit_report_.keys() == model.fit_report_.keys()
    assert again.shared_ is again.experts_[-1]
    assert again._router.partitioner is again.partitioner_
    assert prune_experts(again, density=0).score(X, VALUES) < model.score(X, VALUES)
    assert_same(again.fit(X, VALUES), model)


def test_pruned_models_and_streams(tmp_path):
    pruned = prune_experts(fitted("regressor"), density=0.4)
    again = through(pruned, tmp_path)
    assert again.pruning_report_ == pruned.pruning_report_
    assert_same(again, pruned)
    stream = GatedExpertsRegressor(n_experts=3, random_state=0).partial_fit(X, VALUES)
    again = through(stream, tmp_path)
    assert_same(again, stream)
    again.partial_fit(X, VALUES)
    assert np.isfinite(again.predict(X)).all()
    coder = TaskDrivenSparseCoder(6, random_state=0).partial_fit(X, LABELS)
    again = through(coder, tmp_path)
    assert_same(again, coder)
    assert again.partial_fit(X, LABELS).n_iter_ == 2


def test_frames_and_sparse_rows(tmp_path):
    frame = pd.DataFrame(X, columns=list("abcdef"))
    model = PartitionedExpertsClassifier(**SMALL).fit(frame, LABELS)
    again = through(model, tmp_path)
    np.testing.assert_array_equal(again.predict(frame), model.predict(frame))
    with pytest.raises(ValueError, match="feature names"):
        again.predict(frame.iloc[:, ::-1])
    sparse = scipy.sparse.csr_array(np.where(X > 0, X, 0))
    for partitioner in (None, DBSCAN(eps=2.0)):
        model = PartitionedExpertsClassifier(partitioner=partitioner, random_state=0)
        model.fit(sparse, LABELS)
        again = through(model, tmp_path)
        np.testing.assert_array_equal(again.predict(sparse), model.predict(sparse))


@settings(max_examples=15)
@given(st.integers(2, 40), st.integers(1, 6), st.integers(0, 2**32 - 1))
def test_any_small_problem(folder, n_rows, n_features, seed):
    rng = np.random.default_rng(seed)
    rows, targets = rng.normal(size=(n_rows, n_features)), rng.normal(size=n_rows)
    model = PartitionedExpertsRegressor(min_cell_size=1, random_state=0)
    model.fit(rows, targets)
    again = through(model, folder)
    np.testing.assert_array_equal(again.predict(rows), model.predict(rows))


@pytest.mark.parametrize(
    ("model", "path"),
    [
        (
            PartitionedExpertsClassifier(
                DecisionTreeClassifier(max_depth=1), **SMALL
            ).fit(X, LABELS),
            "PartitionedExpertsClassifier.expert is a sklearn.tree",
        ),
        (
            PartitionedExpertsClassifier(
                partitioner=lambda rows: (rows[:, 0] > 0).astype(int)
            ).fit(X, LABELS),
            "PartitionedExpertsClassifier.partitioner is a builtins.function",
        ),
        (TreePartitioner(2).fit(X, VALUES), "TreePartitioner is a skexperts"),
        (
            SparseCoder(3, random_state=np.random.RandomState(0)).fit(X),
            "SparseCoder.random_state is a numpy.random",
        ),
        (
            RandomPartitioner(2, random_state=np.random.RandomState(0)).fit(X),
            r"RandomPartitioner.random_state is a numpy.random",
        ),
    ],
)
def test_what_a_file_cannot_hold(model, path, tmp_path):
    with pytest.raises(TypeError, match=path):
        to_flat(model, tmp_path / "model.npz")
    assert not (tmp_path / "model.npz").exists()


def test_other_models_that_cannot_be_written(tmp_path):
    file = tmp_path / "model.npz"
    with pytest.raises(ValueError, match="not fitted"):
        to_flat(L1SVC(), file)
    with pytest.raises(TypeError, match="is no estimator"):
        to_flat([1.0], file)
    model = L1SVR().fit(X, VALUES)
    model.coef_[2] = np.nan
    with pytest.raises(ValueError, match="L1SVR.coef_ has NaN or infinity"):
        to_flat(model, file)
    model = L1SVR().fit(X, VALUES)
    model.note = "mine"
    with pytest.raises(TypeError, match="L1SVR.note is no parameter"):
        to_flat(model, file)


SMALL_MODELS = ("classifier", "gated values", "dbscan", "groups", "stream", "patches")


def loads_or_says_why(data, name, folder):
    """A file that loads says what the model says; any other gives a ValueError."""
    file = folder / "changed.npz"
    file.write_bytes(data)
    try:
        model = from_flat(file)
    except ValueError as error:
        assert "cannot be loaded" in str(error)
        return False
    assert_same(model, fitted(name))
    return True


@settings(max_examples=150)
@given(st.sampled_from(SMALL_MODELS), st.data())
def test_flipped_bytes(folder, name, data):
    content = bytearray(flat(name, folder))
    places = st.tuples(st.integers(0, len(content) - 1), st.integers(1, 255))
    for place, change in data.draw(st.lists(places, min_size=1, max_size=4)):
        content[place] ^= change
    loads_or_says_why(bytes(content), name, folder)


@settings(max_examples=40)
@given(st.sampled_from(SMALL_MODELS), st.data())
def test_truncated_files(folder, name, data):
    content = flat(name, folder)
    end = data.draw(st.integers(0, len(content) - 1))
    assert not loads_or_says_why(content[:end], name, folder)


@settings(max_examples=40)
@given(st.binary(max_size=300))
def test_other_files(folder, content):
    assert not loads_or_says_why(content, "l1_svc", folder)


def nodes_of(tree):
    """Yield (parent list, position) of every node of a tree, depth first."""
    if isinstance(tree, list):
        for i, child in enumerate(tree):
            yield tree, i
            yield from nodes_of(child)


HOSTILE = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**65), 2**65),
    st.integers(-3, 40),
    st.floats(),
    st.sampled_from(["", "fit", "__class__", "part", "KMeans", "predict", "a" * 50]),
    st.just([]),
    st.just(["same", 0]),
    st.just(["list", []]),
    st.just(["array", 0, 0, [2, 3], "C"]),
    st.just({"part": 1}),
)


@settings(max_examples=300)
@given(st.sampled_from(SMALL_MODELS), st.data())
def test_hostile_trees_with_a_right_digest(folder, name, data):
    """Whatever the tree says: a ValueError, or a model that predicts or refuses."""
    tree, blocks = unpack(flat(name, folder))
    places = list(nodes_of(tree))
    parent, i = places[data.draw(st.integers(0, len(places) - 1))]
    parent[i] = data.draw(HOSTILE)
    file = folder / "hostile.npz"
    file.write_bytes(pack(tree, blocks))
    try:
        model = from_flat(file)
    except ValueError:
        return
    try:
        list(answers(model))
    except (ValueError, TypeError, AttributeError, IndexError):
        return


@settings(max_examples=200)
@given(st.sampled_from(SMALL_MODELS), st.data())
def test_hostile_numbers_with_a_right_digest(folder, name, data):
    tree, blocks = unpack(flat(name, folder))
    blocks = [block.copy() for block in blocks]
    block = blocks[data.draw(st.integers(0, len(blocks) - 1))]
    if block.dtype.kind in "iu":
        limits = np.iinfo(block.dtype)
        values = st.integers(-3, 40) | st.integers(int(limits.min), int(limits.max))
    elif block.dtype.kind == "f":
        values = st.floats(width=8 * block.itemsize)
    else:
        values = st.just(block.flat[0])
    block[data.draw(st.integers(0, len(block) - 1))] = data.draw(values)
    file = folder / "hostile.npz"
    file.write_bytes(pack(tree, blocks))
    try:
        model = from_flat(file)
    except ValueError:
        return
    try:
        list(answers(model))
    except (ValueError, IndexError):
        return


def changed(folder, name, change):
    """Write the file of a model with a changed tree, and return it."""
    tree, blocks = unpack(flat(name, folder))
    text = change(json.dumps(tree))
    file = folder / "changed.npz"
    file.write_bytes(pack(json.loads(text), blocks))
    return file


def test_means_are_those_of_the_features(folder):
    model = fitted("gated values")
    assert model._centre is not None
    for length in (0, 1):
        with pytest.raises(ValueError, match="means are not one for each feature"):
            from_flat(
                changed(
                    folder,
                    "gated values",
                    lambda text, length=length: re.sub(
                        r'("_centre", \["array", \d+, \d+), \[\d+\]',
                        rf"\1, [{length}]",
                        text,
                    ),
                )
            )
    with pytest.raises(ValueError, match="means are not one for each feature"):
        from_flat(
            changed(folder, "gated values", lambda text: text.replace("_centre", "b_"))
        )


def test_weights_of_classes_come_back(folder):
    model = fitted("class weights")
    again = through(model, folder)
    labels, factors = again._class_weights
    assert labels.tolist() == model.classes_.tolist()
    np.testing.assert_array_equal(factors, model._class_weights[1])
    mine = LABELS == "low"
    again.refit_cells(X[mine], LABELS[mine], again.route(X[mine]).indices[:1])
    file = changed(
        folder,
        "class weights",
        lambda text: re.sub(
            r'("_class_weights", .*?\["array", \d+, \d+), \[3\]',
            r"\1, [2]",
            text,
            count=1,
        ),
    )
    with pytest.raises(ValueError, match="weights of classes are not one for each"):
        from_flat(file)


@pytest.mark.parametrize("name", ["alpha", "alpha classifier", "alpha regressor"])
@pytest.mark.parametrize("length", [0, 1, 4])
def test_alpha_is_one_weight_for_each(folder, name, length):
    model = copy.deepcopy(fitted(name))
    model.alpha_ = np.full(length, 1 / max(length, 1))
    to_flat(model, folder / "alpha.npz")
    with pytest.raises(ValueError, match="alpha_ is not"):
        from_flat(folder / "alpha.npz")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"L1SVC"', '"Popen"', "names the class 'Popen', which no file may hold"),
        ('"coef_"', '"predict"', "L1SVC has no attribute 'predict'"),
        ('"coef_"', '"__class__"', "L1SVC has no attribute '__class__'"),
        ('["C", 1.0], ', "", r"L1SVC lacks \['C'\]"),
        ('"array"', '"eval"', "inconsistent"),
        ("[3, 6]", "[6, 3]", "coef_ has not as many columns as there are features"),
        ("[3, 6]", "[3000, 6]", "beyond the end of the file"),
    ],
)
def test_hostile_classes_and_attributes(folder, old, new, message):
    file = changed(folder, "l1_svc", lambda text: text.replace(old, new, 1))
    with pytest.raises(ValueError, match=message):
        from_flat(file)


def entries_of(data):
    with np.load(BytesIO(data)) as archive:
        return dict(archive)


def write(folder, entries, save=np.savez):
    entries.pop("sha256", None)
    entries["sha256"] = np.frombuffer(_digest(entries), dtype=np.uint8)
    file = BytesIO()
    save(file, **entries)
    (folder / "other.npz").write_bytes(file.getvalue())
    return folder / "other.npz"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"version": 0}, r"has version 0 of the format.*Write the model anew"),
        ({"version": 2}, "has version 2 of the format"),
        ({"format": "other"}, "no flat model"),
    ],
)
def test_versions(folder, change, message):
    entries = entries_of(flat("l1_svc", folder))
    head = json.loads(entries["head"].tobytes()) | change
    assert {"skexperts", "scikit-learn", "numpy", "scipy"} < set(head)
    entries["head"] = np.frombuffer(json.dumps(head).encode(), dtype=np.uint8)
    with pytest.raises(ValueError, match=message):
        from_flat(write(folder, entries))


def test_archives_of_another_kind(folder):
    entries = entries_of(flat("l1_svc", folder))
    with pytest.raises(ValueError, match="an entry is compressed"):
        from_flat(write(folder, dict(entries), np.savez_compressed))
    file = folder / "empty.npz"
    with zipfile.ZipFile(file, "w"):
        pass
    with pytest.raises(ValueError, match="no flat model"):
        from_flat(file)
    np.savez(file, head=np.array([{}], dtype=object))
    with pytest.raises(ValueError, match="damaged, or no flat model"):
        from_flat(file)
    with pytest.raises(ValueError, match="NaN or infinite"):
        tree, blocks = unpack(flat("l1_svc", folder))
        floats = [b * np.nan if b.dtype.kind == "f" else b for b in blocks]
        file.write_bytes(pack(tree, floats))
        from_flat(file)
    with pytest.raises(FileNotFoundError):
        from_flat(folder / "none.npz")


@pytest.mark.parametrize("depth", [400, 100_000])
def test_a_deep_tree(folder, depth):
    entries = entries_of(flat("l1_svc", folder))
    text = '["list",[' * depth + "1" + "]]" * depth
    entries["tree"] = np.frombuffer(text.encode(), dtype=np.uint8)
    with pytest.raises(ValueError, match="cannot be loaded"):
        from_flat(write(folder, entries))


def test_a_changed_digest(folder):
    entries = entries_of(flat("l1_svc", folder))
    entries["sha256"] = entries["sha256"][::-1]
    file = folder / "other.npz"
    np.savez(file, **entries)
    with pytest.raises(ValueError, match="does not have the sha256"):
        from_flat(file)


def test_files_of_other_versions_of_scikit_learn_warn(folder):
    model = PartitionedExpertsRegressor(Ridge(), partitioner=KMeans(2)).fit(X, VALUES)
    to_flat(model, folder / "ridge.npz")
    tree, blocks = unpack((folder / "ridge.npz").read_bytes())
    import sklearn

    text = json.dumps(tree).replace(f'"{sklearn.__version__}"', '"1.2.3"')
    (folder / "ridge.npz").write_bytes(pack(json.loads(text), blocks))
    with pytest.warns(sklearn.exceptions.InconsistentVersionWarning, match="1.2.3"):
        from_flat(folder / "ridge.npz")
