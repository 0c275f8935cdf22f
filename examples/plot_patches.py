"""
======================
Digits, patch by patch
======================

A pixel says little about a digit: a stroke that moves by one pixel meets other pixels.
``PatchSparseCoder`` codes all small patches of an image by atoms that are pieces of
strokes, and adds up the codes in the cells of a grid. A linear model of these sums
knows which strokes there are, and roughly where.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.linear_model import RidgeClassifier
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skexperts import L1SVC, PatchSparseCoder
from skexperts.inspection import DictionaryDisplay

X, y = load_digits(return_X_y=True)

# %%
# The atoms
# ---------
# The centres of k-means of patches, whose contrast is normalised, and which are
# whitened.

coder = PatchSparseCoder(64, image_shape=(8, 8), patch_shape=(4, 4), random_state=0)
DictionaryDisplay.from_estimator(coder.fit(X), X)

# %%
# Patches against pixels
# ----------------------
# Each line is a linear model, of one expert. The rows are cut into five parts in their
# order, so that most writers are in one part only.


def accuracy(*steps):
    return cross_val_score(make_pipeline(*steps), X, y, cv=5).mean()


ridge = StandardScaler(), RidgeClassifier(alpha=100)
svm = StandardScaler(), L1SVC(C=0.03)
print(f"pixels, ridge   {accuracy(*ridge):.1%}")
print(f"pixels, L1SVC   {accuracy(*svm):.1%}")
print(f"patches, ridge  {accuracy(coder, *ridge):.1%}")
print(f"patches, L1SVC  {accuracy(coder, *svm):.1%}")

# %%
# Where strokes are
# -----------------
# One cell knows the strokes and not their places; many cells know the places so well
# that a moved stroke is another one.

sides = np.arange(1, 5)
for size, style in {3: "o-", 5: "s--"}.items():
    scores = [
        accuracy(
            PatchSparseCoder(32, patch_shape=size, pool_grid=int(side), random_state=0),
            *ridge,
        )
        for side in sides
    ]
    plt.plot(sides, scores, style, label=f"{size} x {size} pixels")
plt.xticks(sides, [f"{side} x {side}" for side in sides])
plt.xlabel("cells")
plt.ylabel("accuracy")
plt.legend(title="patches")
plt.show()
