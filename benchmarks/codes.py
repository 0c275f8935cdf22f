"""The data and the models of ``compare_codes``."""

import os
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter
from sklearn.decomposition import PCA
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, Normalizer, StandardScaler
from sklearn.svm import SVC, LinearSVC

from benchmarks.data import load_split
from skexperts import PatchSparseCoder, SparseCoder, TaskDrivenSparseCoder


def digits(name):
    """Return the official split, pixels from 0 to 1, in float32."""
    X, y, X_test, y_test = load_split(name)
    low, high = X.min(), X.max()
    X, X_test = (
        ((part - low) / (high - low)).astype(np.float32) for part in (X, X_test)
    )
    return [(X, np.asarray(y, dtype=int), X_test, np.asarray(y_test, dtype=int))]


def usps():
    return digits("usps")


def mnist():
    return digits("mnist")


def spoken(leave_out=False):
    """Return spectrograms of mean 0 and variance 1: official, or by speakers."""
    folder = os.environ.get("SKEXPERTS_DATA_DIR")
    if folder is None:
        raise FileNotFoundError("fsdd_logmel.npz is read from SKEXPERTS_DATA_DIR only")
    with np.load(Path(folder) / "fsdd_logmel.npz") as file:
        X, y, speaker = (
            np.concatenate([file[f"{key}_train"], file[f"{key}_test"]])
            for key in ("X", "y", "speaker")
        )
        n_train = len(file["y_train"])
    X = (X - X.mean(axis=1, keepdims=True)) / X.std(axis=1, keepdims=True)
    y = y.astype(int)
    if not leave_out:
        return [(X[:n_train], y[:n_train], X[n_train:], y[n_train:])]
    return [
        (X[speaker != one], y[speaker != one], X[speaker == one], y[speaker == one])
        for one in np.unique(speaker)
    ]


def speakers():
    return spoken(leave_out=True)


def of_pixels(C=10.0):
    """What takes the pixels as they are."""
    return {
        "linear": make_pipeline(StandardScaler(), LogisticRegression(C=0.01)),
        "SVC(rbf)": SVC(C=C),
        "PCA, SVC(rbf)": make_pipeline(PCA(50, random_state=0), SVC(C=C)),
        "HistGradientBoosting": HistGradientBoostingClassifier(random_state=0),
        "MLP": MLPClassifier(256, early_stopping=True, random_state=0),
    }


def blurred(X):
    """Blur images of 16 x 16 pixels."""
    images = gaussian_filter(X.reshape(-1, 16, 16), (0, 0.8, 0.8))
    return images.reshape(len(X), -1)


def of_codes():
    """Linear models of codes: the dictionary knows no labels, or does."""
    return {
        "codes, linear": make_pipeline(
            Normalizer(),
            SparseCoder(300, alpha=0.15, random_state=0),
            LinearSVC(random_state=0),
        )
    } | of_task(n_nonzero_coefs=25)


def of_task(*steps, linear=None, name="task-driven codes, linear", **options):
    """A linear model of codes whose dictionary knows the labels."""
    coder = TaskDrivenSparseCoder(300, random_state=0, **options)
    linear = linear or LogisticRegression(C=10, max_iter=300)
    return {name: make_pipeline(*steps, Normalizer(), coder, linear)}


def patches_of_digits(n_components=200, **options):
    """Return coder and scaler of handwritten digits."""
    coder = PatchSparseCoder(
        n_components, pool_grid=3, whiten_eps=2, random_state=0, **options
    )
    return [coder, StandardScaler(copy=False)]


def of_patches(*steps, penalty):
    """A linear model of pooled codes of patches."""
    return {"patches, linear": make_pipeline(*steps, RidgeClassifier(alpha=penalty))}


def of_both():
    """A linear model of task-driven codes of principal components of patches."""
    return {
        "patches, task-driven codes, linear": make_pipeline(
            *patches_of_digits(),
            PCA(300, whiten=True, random_state=0),
            Normalizer(),
            TaskDrivenSparseCoder(100, max_iter=10, random_state=0),
            LogisticRegression(C=10, max_iter=300),
        )
    }


def of_spectrograms():
    return of_patches(
        PatchSparseCoder(
            100,
            image_shape=(24, 32),
            patch_shape=(6, 10),
            pool_grid=3,
            alpha=1,
            whiten_eps=2,
            n_patches=10_000,
            random_state=0,
        ),
        FunctionTransformer(np.sqrt),
        StandardScaler(copy=False),
        penalty=300,
    )


DATA = {
    "usps": (
        usps,
        of_pixels()
        | of_codes()
        | of_task(linear=RidgeClassifier(0.1), alpha=0.1)
        | of_task(
            FunctionTransformer(blurred),
            linear=RidgeClassifier(0.1),
            name="blurred, task-driven codes, linear",
            alpha=0.1,
        )
        | of_patches(*patches_of_digits(), penalty=60)
        | of_both(),
    ),
    "mnist": (
        mnist,
        of_pixels()
        | of_codes()
        | of_patches(*patches_of_digits(600, patch_shape=12), penalty=60),
    ),
    "spoken digits": (spoken, of_pixels() | of_codes() | of_spectrograms()),
    "spoken, by speakers": (speakers, of_pixels() | of_codes() | of_spectrograms()),
}
