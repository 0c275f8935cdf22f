"""
===========================
Parts of texts, one a model
===========================

A text is cut into sub-texts, and each goes to a sub-model of its own. The answer is

.. math::

    \\mathrm{Output} = \\sum_i w_i \\, \\mathrm{SubModel}_i(\\mathrm{part}_i),
    \\qquad w_i \\ge 0, \\; \\sum_i w_i = 1,

where the weights w are learned: by descent on the loss of out-of-fold predictions, so
that a sub-model that has learned its training texts by heart gets no reward for it. In
the second form the weights are not the same for all texts, but a softmax of the text.

The data are 5574 short messages; 13 % of them are spam.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.base import clone
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline

from skexperts import (
    AlphaCombinerClassifier,
    FeatureGroups,
    GatedExpertsClassifier,
    PartitionedExpertsClassifier,
    SegmentVectorizer,
)
from skexperts.datasets import load_sms_spam
from skexperts.inspection import AlphaDisplay

X, y = load_sms_spam(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(
    X, y, test_size=0.3, stratify=y, random_state=0
)

# %%
# Three parts, three sub-models
# -----------------------------
# ``SegmentVectorizer`` makes a block of columns of each part, and
# ``FeatureGroups(contiguous=True)`` gives each expert its block. Without a combiner all
# weights are equal.

n_parts = 3
whole = TfidfVectorizer()
parts = SegmentVectorizer(whole, n_segments=n_parts)
blocks = FeatureGroups(n_parts, contiguous=True)
sub_model = LogisticRegression(C=30, class_weight="balanced")
experts = PartitionedExpertsClassifier(sub_model, partitioner=blocks, random_state=0)
models = {
    "one model of the whole text": make_pipeline(whole, sub_model),
    "3 sub-models, equal weights": make_pipeline(parts, experts),
    "3 sub-models, learned weights": make_pipeline(
        parts, clone(experts).set_params(combiner=AlphaCombinerClassifier())
    ),
    "softmax gate, 3 parts": make_pipeline(
        parts, GatedExpertsClassifier(3, top_k=3, random_state=0)
    ),
    "softmax gate, the whole text": make_pipeline(
        whole, GatedExpertsClassifier(3, top_k=3, random_state=0)
    ),
}
print(f"{'':<31}accuracy  balanced")
for name, model in models.items():
    predicted = model.fit(X_train, y_train).predict(X_test)
    accuracy = np.mean(predicted == y_test)
    balanced = balanced_accuracy_score(y_test, predicted)
    print(f"{name:<31}{accuracy:>8.1%}{balanced:>10.1%}")

# %%
# On messages of 15 words a division loses: a sub-model that sees five words knows less
# than one that sees all, and learned weights win little of it back. They answer another
# question: which part of a message gives spam away?

model = models["3 sub-models, learned weights"]
AlphaDisplay.from_estimator(model)

# %%
# The end of a message says most, where the number to call stands, and the middle least.
# A sub-model alone on its part of the test messages:

columns = model[0].transform(X_test)
for k, group in enumerate(blocks.fit(columns).feature_groups_):
    alone = model[-1].experts_[k].predict(columns[:, group])
    print(f"part {k}: {balanced_accuracy_score(y_test, alone):.1%} balanced accuracy")

# %%
# Each sub-model has its own coefficient for a word. Those of the largest ones, which
# speak for spam, begin, fill and end a message:

words = model[0].vectorizer_.get_feature_names_out()
for k, expert in enumerate(model[-1].experts_):
    print(f"part {k}:", *words[np.argsort(-expert.coef_[0])[:10]])

# %%
# The gate of the second form reads the words and weighs its experts by them. Messages
# of the test set by the weight of the expert they rely on most:

gated = models["softmax gate, the whole text"]
weights = gated[-1].route(gated[0].transform(X_test)).toarray()
_, ax = plt.subplots(figsize=(6, 3.2), layout="constrained")
for label, color in (("ham", "#0072B2"), ("spam", "#E69F00")):
    mean = weights[y_test == label].mean(axis=0)
    shift = -0.2 if label == "ham" else 0.2
    ax.bar(np.arange(3) + shift, mean, 0.4, label=label, color=color)
ax.set(xlabel="expert", ylabel="mean weight", xticks=range(3))
ax.legend()
