#!/usr/bin/env python3
"""Golden values of ROUGE, logistic regression and Kendall's W: writes measures.json beside itself.

    pip install rouge-score==0.1.2 statsmodels scipy && python3 make_measures.py

ROUGE comes from the package rouge-score without stemming, the regression from statsmodels (a fractional logit:
binomial GLM), Kendall's W from its definition with scipy's midranks and the correction for ties.
"""
import json
import os
import random

import numpy as np
import statsmodels.api as sm
from rouge_score import rouge_scorer
from scipy.stats import rankdata

PAIRS = [
    ("the cat sat on the mat", "the cat sat on the mat"),
    ("the cat sat on the mat", "a dog ran off"),
    ("the cat sat on the mat", "the the the the the the the"),
    ("my sister broke my phone . should i call the police ?", "sister broke the phone, call police?"),
    ("", "something"),
    ("something", ""),
    ("", ""),
    ("one", "one"),
    ("one", "one two"),
    ("a b c d e f g", "g f e d c b a"),
    ("a b c d e f g", "a x c y e z g"),
    ("Caf\u00e9 na\u00efve r\u00e9sum\u00e9 na\u00efve", "cafe naive resume na\u00efve"),
    ("it's the boss's 2nd idea", "its the boss s 2nd ideas"),
    ("TL;DR: Boyfriend of 3 years won't talk, I (24F) moved out.", "boyfriend won't talk; moved out after 3 years"),
    ("... --- ...", "!!!"),
    ("to be or not to be that is the question", "to be that is the question or not to be"),
    ("police killed the gunman", "the gunman kill police"),
    ("x\ty\nz", "x y z"),
]
MULTI = [(["the cat sat", "a cat was sitting on the mat"], "the cat was on the mat"), (["b", "a b", "c"], "a b c")]


def rouge():
    scorer = rouge_scorer.RougeScorer(["rouge1", "rouge2", "rougeL"], use_stemmer=False)

    def row(scores):
        return [[scores[k].precision, scores[k].recall, scores[k].fmeasure] for k in ("rouge1", "rouge2", "rougeL")]

    return {
        "pairs": [{"reference": r, "candidate": c, "scores": row(scorer.score(r, c))} for r, c in PAIRS],
        "multi": [{"references": r, "candidate": c, "scores": row(scorer.score_multi(r, c))} for r, c in MULTI],
    }


def regression():
    draw = random.Random(1)
    rows = []
    kinds = (("plain", 60, 1.5, -1.2, False), ("ties", 80, 0.7, -0.2, True), ("long", 300, 3.0, -3.5, True))
    for name, n, slope, intercept, half in kinds:
        x = [round(draw.uniform(0.4, 2.5), 3) for _ in range(n)]
        y = []
        for value in x:
            p = 1 / (1 + np.exp(-(intercept + slope * value)))
            y.append(0.5 if half and draw.random() < 0.15 else float(draw.random() < p))
        fit = sm.GLM(y, sm.add_constant(np.array(x)), family=sm.families.Binomial()).fit(tol=1e-14, maxiter=200)
        rows.append({"name": name, "x": x, "y": y, "intercept": fit.params[0], "slope": fit.params[1]})
    return rows


def kendall():
    rows = []
    for scores in (
        [[1, 2, 3, 4], [1, 2, 3, 4], [1, 2, 3, 4]],
        [[1, 2, 3, 4], [4, 3, 2, 1]],
        [[3, 1, 4, 1, 5], [9, 2, 6, 5, 3], [5, 8, 9, 7, 9]],
        [[1, 1, 2, 2, 3], [2, 1, 2, 3, 3], [1, 1, 1, 2, 2], [1, 2, 3, 4, 5]],
    ):
        m, k = len(scores), len(scores[0])
        ranks = np.array([rankdata(s) for s in scores])
        ties = sum(t**3 - t for s in scores for t in np.unique(s, return_counts=True)[1].astype(float))
        s = ((ranks.sum(axis=0) - m * (k + 1) / 2) ** 2).sum()
        rows.append({"scores": scores, "w": float(12 * s / (m * m * (k**3 - k) - m * ties))})
    return rows


if __name__ == "__main__":
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "measures.json")
    with open(path, "w", encoding="utf-8") as out:
        json.dump({"rouge": rouge(), "regression": regression(), "kendall": kendall()}, out)
        out.write("\n")
