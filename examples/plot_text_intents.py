"""
=================================
Sparse codes into experts: texts
=================================

What does a customer want who writes to a bank? One of 77 intents (BANKING77, 10003
messages to learn from, 3080 to test). Two ways from texts to sparse codes and experts:

- words, latent directions, sparse codes of these: ``TfidfVectorizer``,
  ``TruncatedSVD``, then :math:`\\min_s \\tfrac12 \\|x - D^\\top s\\|^2 + \\alpha
  \\|s\\|_1`, and experts of the cells of codes;
- words themselves, which are sparse codes of texts already, with an expert for each of
  ten *topics*, found by k-means of the latent directions.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.cluster import KMeans
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Normalizer
from sklearn.svm import LinearSVC

from skexperts import L1SVC, PartitionedExpertsClassifier, SparseCoder
from skexperts.datasets import load_banking77

X_train, y_train = load_banking77(subset="train", return_X_y=True)
X_test, y_test = load_banking77(subset="test", return_X_y=True)

# %%
# Codes, topics, and a plain linear model
# ---------------------------------------

words = TfidfVectorizer(min_df=2, sublinear_tf=True)
latent = [words, TruncatedSVD(100, random_state=0), Normalizer()]
coder = SparseCoder(300, alpha=0.05, random_state=0)
topics = make_pipeline(
    TruncatedSVD(50, random_state=0), Normalizer(), KMeans(10, random_state=0)
)
expert = LinearSVC(random_state=0, tol=0.05)
network = MLPClassifier(
    (64,),
    learning_rate_init=0.02,
    tol=0.1,
    n_iter_no_change=2,
    random_state=0,
)
cells = {"n_experts": 5, "top_k": 2, "random_state": 0}
models = {
    "LinearSVC on words": make_pipeline(words, expert),
    "L1SVC on 100 directions": make_pipeline(*latent, L1SVC(tol=0.01)),
    "5 linear experts on codes": make_pipeline(
        *latent, coder, PartitionedExpertsClassifier(expert, **cells)
    ),
    "5 neural experts on codes": make_pipeline(
        *latent, coder, PartitionedExpertsClassifier(network, **cells)
    ),
    "experts of 10 topics on words": make_pipeline(
        words, PartitionedExpertsClassifier(expert, partitioner=topics, top_k=3)
    ),
}
for name, model in models.items():
    accuracy = model.fit(X_train, y_train).score(X_test, y_test)
    print(f"{name:<30} {accuracy:.1%}")

codes = models["5 linear experts on codes"][:-1].transform(X_test)
print(f"a message is {codes.nnz / len(X_test):.0f} numbers of {codes.shape[1]}")

# %%
# Rare words decide between intents, and what goes through 100 directions has lost
# them: codes are small, not better. The experts of topics keep all words. They are as
# good as the one linear model, within what 3080 messages can tell, and each has fewer
# intents to tell apart.
#
# What the topics are
# -------------------
# The mean weight of each word in a topic, less that in all messages, says what a topic
# is about; its intents are those most often routed to its expert.

model = models["experts of 10 topics on words"]
W = model[0].transform(X_train)
routing = model[-1].route(W)
names = model[0].get_feature_names_out()
share = np.asarray(routing.sum(axis=0)).ravel()
mean = np.asarray(W.mean(axis=0)).ravel()
typical = (routing.T @ W).toarray() / share[:, None]
for k in range(model[-1].n_experts_):
    top = np.argsort(-(typical[k] - mean))[:5]
    intents = len(model[-1].experts_[k].classes_)
    print(f"{k}: {share[k] / len(y_train):4.0%} {intents:2} intents ", *names[top])

# %%
# The same word in two topics
# ---------------------------
# An expert has coefficients of its own for every word. Those for the intent
# ``card_arrival`` are read here in the two topics that have most of its messages, for
# the words that differ most.

intent = "card_arrival"
of_intent = np.asarray(routing[y_train == intent].sum(axis=0)).ravel()
first, second = np.argsort(-of_intent)[:2]
coef = [
    e.coef_[list(e.classes_).index(intent)]
    for e in (model[-1].experts_[first], model[-1].experts_[second])
]
order = np.argsort(-np.abs(coef[0] - coef[1]))[:14]
_, ax = plt.subplots(figsize=(6.5, 4.5), layout="constrained")
place = np.arange(len(order))
ax.barh(place - 0.2, coef[0][order], 0.4, label=f"topic {first}", color="#0072B2")
ax.barh(place + 0.2, coef[1][order], 0.4, label=f"topic {second}", color="#E69F00")
ax.axvline(0, color="black", linewidth=0.8)
ax.set_yticks(place, names[order])
ax.invert_yaxis()
ax.set(xlabel="coefficient", title=intent)
ax.legend()
