r"""
========================
What are digits made of?
========================

Sparse coding writes a row as a sum of few atoms, the rows of a dictionary D,

.. math:: \min_z \; \tfrac12 \lVert x - z D \rVert_2^2 + \alpha \lVert z \rVert_1 .

Atoms may be learned, the centres of k-means, or rows of the data. Rows are 8 x 8 images
of digits.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from skexperts import L1SVC, SparseCoder
from skexperts.inspection import DictionaryDisplay

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(
    X / 16, y, test_size=500, stratify=y, random_state=0
)

# %%
# Three dictionaries
# ------------------
# Each with the atoms that most rows use first.

_, axes = plt.subplots(ncols=3, figsize=(12, 4.3), layout="constrained")
for ax, dictionary in zip(axes, ["learn", "kmeans", "sample"], strict=True):
    coder = SparseCoder(64, alpha=0.2, dictionary=dictionary, random_state=0)
    coder.fit(X_train)
    DictionaryDisplay.from_estimator(coder, X_train, image_shape=(8, 8), ax=ax)
    ax.set_title(f"{dictionary}: {ax.get_title()}", fontsize="medium")

# %%
# Learned atoms are strokes of two signs, the others are whole digits.
#
# Sparsity against reconstruction
# -------------------------------
# With a larger alpha fewer atoms make a row, and less of it is kept. The baseline keeps
# the largest pixels of an image.

alphas = np.geomspace(0.03, 1, 6)
size = np.square(X_test).sum()
_, (left, right) = plt.subplots(ncols=2, figsize=(11, 4), layout="constrained")
print("atoms   alpha  to a row   lost  accuracy")
for dictionary, style in {"learn": "o-", "kmeans": "s--", "sample": "^:"}.items():
    n_atoms, lost, accuracy = [], [], []
    for alpha in alphas:
        coder = SparseCoder(64, alpha=alpha, dictionary=dictionary, random_state=0)
        codes = coder.fit(X_train).transform(X_test)
        n_atoms.append(codes.nnz / len(X_test))
        lost.append(np.square(X_test - coder.inverse_transform(codes)).sum() / size)
        expert = L1SVC().fit(coder.transform(X_train), y_train)
        accuracy.append(expert.score(codes, y_test))
    left.plot(n_atoms, lost, style, label=dictionary)
    right.plot(n_atoms, accuracy, style, label=dictionary)
    for row in zip(alphas, n_atoms, lost, accuracy, strict=True):
        print("{:<7} {:5.2f} {:11.1f} {:6.1%} {:9.1%}".format(dictionary, *row))

largest = -np.sort(-X_test, axis=1)
left.plot(
    np.arange(1, 31),
    1 - np.cumsum(np.square(largest), axis=1).sum(axis=0)[:30] / size,
    color="0.5",
    label="largest pixels",
)
right.axhline(
    L1SVC().fit(X_train, y_train).score(X_test, y_test), color="0.5", label="pixels"
)
left.set(
    xlabel="atoms to a row", ylabel="share of the squares that is lost", yscale="log"
)
right.set(xlabel="atoms to a row", ylabel="accuracy of one L1-SVM of the codes")
left.legend()
right.legend()
plt.show()
