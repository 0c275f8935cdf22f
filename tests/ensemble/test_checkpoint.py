"""A fit that was stopped goes on from its folder; whatever is damaged is not used."""

import os
import pickle
import resource
import shutil
import signal
import subprocess
import sys
import textwrap
import threading
import time
import types
import warnings

import cloudpickle
import joblib
import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_array
from sklearn import config_context
from sklearn.datasets import load_wine
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from skexperts import (
    L1SVC,
    AlphaCombinerClassifier,
    PartitionedExpertsClassifier,
    PartitionedExpertsRegressor,
)
from skexperts.ensemble import _checkpoint, _checkpoint_format
from skexperts.ensemble._cell import CellFit

# Worker processes cannot import test modules.
cloudpickle.register_pickle_by_value(sys.modules[__name__])

X, y = load_wine(return_X_y=True)
X = StandardScaler().fit_transform(X)


def model_of(expert, folder=None, **options):
    options = {"n_experts": 5, "random_state": 0, "min_cell_size": 2, **options}
    return PartitionedExpertsClassifier(expert, checkpoint=folder, **options)


def files(folder):
    return sorted(folder.glob("*.expert"))


def bits(model):
    return [bits_of(expert) for expert in model.experts_]


def bits_of(expert):
    if isinstance(expert, DecisionTreeClassifier):
        # Its nodes have gaps, in which anything may stand.
        return [expert.tree_.threshold.tolist(), expert.tree_.value.tolist()]
    if hasattr(expert, "steps"):
        return [bits_of(step) for _, step in expert.steps]
    return {
        name: (value.dtype, value.shape, value.tolist())
        if isinstance(value, np.ndarray)
        else value
        for name, value in vars(expert).items()
    }


def no_fit(*args, **kwargs):
    raise AssertionError("an expert was fitted")


EXPERTS = [
    L1SVC(),
    LogisticRegression(),
    GaussianNB(),
    DecisionTreeClassifier(),
    make_pipeline(StandardScaler(), LogisticRegression()),
]


@pytest.mark.parametrize("expert", EXPERTS, ids=lambda e: type(e).__name__)
@pytest.mark.parametrize("kind", ["array", "csr", "frame", "text classes"])
def test_a_second_fit_reads_what_the_first_has_kept(
    tmp_path, monkeypatch, expert, kind
):
    rows, labels = X, y
    if kind == "csr":
        rows = csr_array(X)
        if not isinstance(expert, L1SVC | LogisticRegression | DecisionTreeClassifier):
            expert = LogisticRegression(C=0.5)
    if kind == "frame":
        rows = pd.DataFrame(X).add_prefix("x")
    if kind == "text classes":
        labels = np.array(["low", "mid", "high"], dtype=object)[y]
    options = {} if kind != "frame" else {"partitioner": clusters, "n_experts": None}
    plain = model_of(expert, **options).fit(rows, labels)
    first = model_of(expert, tmp_path, **options).fit(rows, labels)
    assert len(files(tmp_path)) == first.n_experts_
    monkeypatch.setattr(_checkpoint.Checkpoint, "write", no_fit)
    second = model_of(expert, str(tmp_path), **options).fit(rows, labels)
    assert bits(plain) == bits(first) == bits(second)
    assert (second.predict_proba(rows) == plain.predict_proba(rows)).all()
    for name in ("state", "n_classes", "fit_time"):
        assert (first.fit_report_[name] == second.fit_report_[name]).all()


def clusters(frame):
    return np.digitize(frame.iloc[:, 0], [-0.5, 0.5])


@pytest.mark.parametrize("expert", EXPERTS, ids=lambda e: type(e).__name__)
def test_linear_experts_are_no_pickles(tmp_path, monkeypatch, expert):
    model_of(expert, tmp_path).fit(X, y)
    monkeypatch.setattr(_checkpoint_format.pickle, "loads", no_fit)
    plain = not isinstance(expert, DecisionTreeClassifier) and not hasattr(
        expert, "steps"
    )
    with warnings.catch_warnings(record=True) as w:
        warnings.simplefilter("always")
        model_of(expert, tmp_path).fit(X, y)
    assert [one.category for one in w] == [] if plain else [UserWarning]


@pytest.mark.parametrize("n_jobs", [1, 2])
@pytest.mark.parametrize("n_kept", range(5))
def test_a_fit_goes_on_after_any_number_of_experts(tmp_path, n_kept, n_jobs):
    whole = model_of(L1SVC(), tmp_path).fit(X, y)
    for path in files(tmp_path)[n_kept:]:
        path.unlink()
    with joblib.parallel_config(backend="threading"):
        again = model_of(L1SVC(), tmp_path, n_jobs=n_jobs).fit(X, y)
    assert bits(again) == bits(whole)
    assert len(files(tmp_path)) == 5


@pytest.mark.parametrize(
    "change",
    [
        {"expert__C": 2.0},
        {"random_state": 1, "expert": LogisticRegression(solver="saga")},
        {"gate": "hard"},
        {"top_k": 1},
    ],
)
def test_another_fit_finds_nothing_of_this_one(tmp_path, change):
    expert = change.get("expert", L1SVC())
    options = {k: v for k, v in change.items() if k != "expert"}
    model_of(expert, tmp_path).fit(X, y)
    n_files = len(files(tmp_path))
    model = model_of(expert, tmp_path).set_params(**options).fit(X, y)
    plain = model_of(expert).set_params(**options).fit(X, y)
    assert bits(model) == bits(plain)
    assert len(files(tmp_path)) > n_files


def test_the_version_of_a_library_of_experts_counts(tmp_path, monkeypatch):
    """Also where an expert is deep inside, as in a pipeline."""
    module = types.ModuleType("others")
    module.__version__ = "1.0"
    monkeypatch.setitem(sys.modules, "others", module)
    module.Ours = type("Ours", (LogisticRegression,), {"__module__": "others.linear"})
    monkeypatch.setitem(sys.modules, "others.linear", module)
    expert = make_pipeline(StandardScaler(), module.Ours())
    model_of(expert, tmp_path).fit(X, y)
    model_of(expert, tmp_path).fit(X, y)
    n_files = len(files(tmp_path))
    module.__version__ = "1.1"
    model_of(expert, tmp_path).fit(X, y)
    assert len(files(tmp_path)) == 2 * n_files


def test_what_steps_hand_on_is_a_part_of_the_key(tmp_path):
    """With output in frames an expert knows names of columns, else it does not."""
    expert = make_pipeline(StandardScaler(), LogisticRegression())
    first = model_of(expert, tmp_path).fit(X, y)
    n_files = len(files(tmp_path))
    with config_context(transform_output="pandas"):
        model = model_of(expert, tmp_path).fit(X, y)
        plain = model_of(expert).fit(X, y)
    assert len(files(tmp_path)) == 2 * n_files
    assert bits(model) == bits(plain)
    named = [hasattr(m.experts_[0][-1], "feature_names_in_") for m in (first, model)]
    assert named == [False, True]


class Graded(LogisticRegression):
    """Keeps the sum of what it is told of the rows."""

    def fit(self, X, y, sample_weight=None, grade=None):
        self.sum_ = np.ma.sum(grade)
        return super().fit(X, y, sample_weight)


def test_masks_of_metadata_are_a_part_of_the_key(tmp_path):
    grade, sums = np.arange(float(len(y))), []
    with config_context(enable_metadata_routing=True):
        expert = Graded().set_fit_request(grade=True, sample_weight=True)
        for mask in (grade < 50, grade < 90, grade < 50):
            model = model_of(expert, tmp_path, n_experts=1)
            model.fit(X, y, grade=np.ma.array(grade, mask=mask))
            sums.append(float(model.experts_[0].sum_))
    assert sums == [sum(range(50, 178)), sum(range(90, 178)), sums[0]]
    assert len(files(tmp_path)) == 2


def test_only_the_cells_that_have_changed_are_fitted(tmp_path):
    cells = np.arange(len(X)) % 4
    rows = np.column_stack([cells, X])
    options = {"partitioner": first_column, "gate": "hard", "n_experts": None}
    model_of(L1SVC(), tmp_path, **options).fit(rows, y)
    # One for each cell, and the shared one of the rows that none claims.
    assert len(files(tmp_path)) == 5
    changed = y.copy()
    changed[2] = (changed[2] + 1) % 3
    model = model_of(L1SVC(), tmp_path, **options).fit(rows, changed)
    assert len(files(tmp_path)) == 7
    assert bits(model) == bits(model_of(L1SVC(), **options).fit(rows, changed))


def first_column(rows):
    return rows[:, 0].astype(int)


def test_weights_rounds_and_folds_are_kept_too(tmp_path, monkeypatch):
    def model(folder):
        return model_of(
            L1SVC(),
            folder,
            gate="softmax",
            n_rounds=2,
            combiner=AlphaCombinerClassifier(cv=3),
        )

    weights = np.linspace(0, 2, len(y))
    first = model(tmp_path).fit(X, y, sample_weight=weights)
    plain = model(None).fit(X, y, sample_weight=weights)
    monkeypatch.setattr(_checkpoint.Checkpoint, "write", no_fit)
    again = model(tmp_path).fit(X, y, sample_weight=weights)
    assert bits(first) == bits(plain) == bits(again)
    assert (again.predict_proba(X) == plain.predict_proba(X)).all()


def test_regressors(tmp_path, monkeypatch):
    targets = np.column_stack([X[:, 0] ** 2, X[:, 1]])

    def model(folder=None):
        return PartitionedExpertsRegressor(
            Ridge(), n_experts=3, random_state=0, checkpoint=folder
        )

    first = model(tmp_path).fit(X, targets)
    monkeypatch.setattr(_checkpoint.Checkpoint, "write", no_fit)
    again = model(tmp_path).fit(X, targets)
    assert (again.predict(X) == first.predict(X)).all()


@pytest.mark.parametrize("expert", [L1SVC(), DecisionTreeClassifier()])
def test_every_damage_is_found(expert):
    """Each truncation at a multiple of 64 bytes, and flips of one bit all over."""
    fitted = pickle.loads(pickle.dumps(expert)).fit(X, y)
    fit = CellFit(fitted, "fitted", 3, 0.5)
    content = _checkpoint_format.encode(fit, "key", type(expert)(), {})
    whole = _checkpoint_format.decode(content, "key", type(expert)())
    assert bits_of(whole.expert) == bits_of(fitted)
    damaged = [content[:n] for n in range(0, len(content), 64)]
    for place in range(0, 8 * len(content), 13):
        flipped = bytearray(content)
        flipped[place // 8] ^= 1 << place % 8
        damaged.append(bytes(flipped))
    damaged += [content + b"x", b"", b"\n\n\n", os.urandom(1000)]
    for one in damaged:
        with pytest.raises(ValueError, match="damaged"):
            _checkpoint_format.decode(one, "key", type(expert)())
    with pytest.raises(ValueError, match="something else"):
        _checkpoint_format.decode(content, "another key", type(expert)())


def test_damaged_and_foreign_files_are_fitted_again_with_one_warning(tmp_path):
    whole = model_of(L1SVC(), tmp_path).fit(X, y)
    a, b, c, d, _ = files(tmp_path)
    a.write_bytes(a.read_bytes()[:100])
    b.write_bytes(b"")
    shutil.copyfile(c, d)
    with pytest.warns(UserWarning, match=r"damaged.*\(issued 3 times in 5") as w:
        again = model_of(L1SVC(), tmp_path).fit(X, y)
    assert len(w) == 1
    assert bits(again) == bits(whole)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model_of(L1SVC(), tmp_path).fit(X, y)


@pytest.mark.skipif(os.name != "posix", reason="modes")
def test_what_others_can_write_is_not_read(tmp_path, monkeypatch):
    model = model_of(DecisionTreeClassifier(), tmp_path)
    for mode in (0o777, 0o720, 0o702):
        tmp_path.chmod(mode)
        with pytest.raises(ValueError, match="others can write.*chmod go-w"):
            model.fit(X, y)
    tmp_path.chmod(0o755)
    model.fit(X, y)
    files(tmp_path)[0].chmod(0o666)
    with pytest.warns(UserWarning, match="damaged, or not"):
        model.fit(X, y)
    monkeypatch.setattr(os, "geteuid", lambda: tmp_path.stat().st_uid + 1)
    with pytest.raises(ValueError, match=r"belongs to another user \(number \d+, you"):
        model.fit(X, y)


def test_a_new_folder_is_private(tmp_path):
    folder = tmp_path / "new" / "folder"
    model_of(L1SVC(), folder).fit(X, y)
    assert os.name != "posix" or folder.stat().st_mode & 0o777 == 0o700


def test_what_cannot_be_resumed_is_refused(tmp_path):
    with pytest.raises(ValueError, match="needs random_state"):
        model_of(L1SVC(), tmp_path, random_state=None).fit(X, y)
    with pytest.raises(ValueError, match="sharing='deviation'"):
        model_of(L1SVC(), tmp_path, sharing="deviation").fit(X, y)
    expert = LogisticRegression()
    expert.C = threading.Lock()
    with pytest.raises(ValueError, match="cannot be pickled"):
        _checkpoint.Checkpoint(tmp_path, expert)


class Closure(DecisionTreeClassifier):
    def fit(self, X, y, sample_weight=None):
        self.function_ = lambda: None
        return super().fit(X, y, sample_weight)


@pytest.mark.skipif(os.name != "posix", reason="limits of files")
def test_a_full_disk_or_an_expert_that_cannot_be_kept_is_one_warning(tmp_path):
    with pytest.warns(UserWarning, match="could not be kept") as w:
        model_of(Closure(), tmp_path).fit(X, y)
    assert len(w) == 1
    plain = model_of(L1SVC()).fit(X, y)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))
    try:
        with pytest.warns(UserWarning, match="File too large.*5 times") as w:
            model = model_of(L1SVC(), tmp_path).fit(X, y)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert len(w) == 1
    assert bits(model) == bits(plain)
    assert not list(tmp_path.iterdir())


def test_old_files_of_killed_fits_are_removed(tmp_path):
    names = "old.expert.tmp", "new.expert.tmp", "of-the-user.tmp"
    old, new, foreign = (tmp_path / name for name in names)
    for path in (old, new, foreign):
        path.write_bytes(b"half")
    os.utime(old, (0, 0))
    os.utime(foreign, (0, 0))
    model_of(L1SVC(), tmp_path).fit(X, y)
    assert not old.exists()
    assert new.exists()
    assert foreign.exists()


PROGRAM = textwrap.dedent(
    """
    import sys, time, warnings
    import numpy as np
    from sklearn.linear_model import LogisticRegression
    from skexperts import PartitionedExpertsClassifier

    class Slow(LogisticRegression):
        def fit(self, X, y, sample_weight=None):
            time.sleep(0.02)
            return super().fit(X, y, sample_weight)

    warnings.simplefilter("error")
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 3))
    y = (X.prod(axis=1) > 0).astype(int)
    model = PartitionedExpertsClassifier(
        Slow(),
        n_experts=20,
        min_cell_size=1,
        random_state=0,
        checkpoint=sys.argv[1],
    )
    print("begins", flush=True)
    model.fit(X, y)
    print(model.predict_proba(X).tobytes().hex())
    """
)


def start(folder):
    process = subprocess.Popen(
        [sys.executable, "-P", "-c", PROGRAM, os.fspath(folder)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "begins\n"
    return process


def finish(process):
    out, _ = process.communicate(timeout=100)
    assert process.returncode == 0
    return out


def test_a_killed_fit_goes_on_and_two_at_once_are_both_right(tmp_path):
    one, other = start(tmp_path / "a"), start(tmp_path / "a")
    whole = finish(one)
    assert finish(other) == whole
    n_files = len(files(tmp_path / "a"))
    rng = np.random.default_rng(0)
    folder, kept = tmp_path / "b", 0
    for delay in rng.uniform(0.05, 0.2, size=2):
        process = start(folder)
        time.sleep(delay)
        process.kill()
        process.wait()
        assert len(files(folder)) >= kept
        kept = len(files(folder))
    assert finish(start(folder)) == whole
    assert len(files(folder)) == n_files
