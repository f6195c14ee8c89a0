#!/usr/bin/env python3
"""Writes metric_table.jsonl: what the libraries behind LaMP's evaluation, and SciPy, give for the metrics of rpm-core.

Made with Python 3.11, rouge-score 0.1.2, scikit-learn 1.9.1, scipy 1.17.1, numpy 2.4.6:

    python3 -m venv venv
    venv/bin/pip install rouge-score==0.1.2 scikit-learn==1.9.1 scipy==1.17.1 numpy==2.4.6
    venv/bin/python tests/oracle/make_metric_table.py > tests/oracle/metric_table.jsonl

Each line is one case. Texts are made up from a seed. The rules that turn a text into a label or a number are those of
LaMP's eval/evaluation.py; all else is asked of the libraries. Numbers that JSON lacks are written as text.

    venv/bin/python tests/oracle/make_metric_table.py --pairs FOLDER > pairs.jsonl
    RPM_METRIC_PAIRS=pairs.jsonl cargo test --features eval --test metric_oracle -- --nocapture

scores texts of one's own instead: FOLDER/users.jsonl has a user a line, with `history` and `test` of items with `query`
and `response`; each response is scored against the first sentence of its query.
"""

import itertools
import json
import math
import random
import re
import sys

import numpy as np
from rouge_score import rouge_scorer
from scipy.spatial import distance
from sklearn.metrics import (
    accuracy_score, brier_score_loss, f1_score, mean_absolute_error, mean_squared_error, root_mean_squared_error,
)

PICK = random.Random(20_250_521)
RNG = np.random.default_rng(20_250_521)
ROUGE = rouge_scorer.RougeScorer(["rouge1", "rougeL"], use_stemmer=False)


def case(metric, **fields):
    print(json.dumps({"metric": metric} | fields, ensure_ascii=False, allow_nan=False))


def rouge(gold, text):
    scores = ROUGE.score(gold, text)
    case("rouge", gold=gold, text=text, values=[float(scores["rouge1"].fmeasure), float(scores["rougeL"].fmeasure)])


def own_pairs(folder):
    with open(f"{folder}/users.jsonl", encoding="utf-8") as file:
        users = [json.loads(line) for line in file]
    for user in users:
        for item in user["history"] + user["test"]:
            rouge(item["response"], re.split(r"(?<=[.!?])\s", item["query"])[0])


if sys.argv[1:2] == ["--pairs"]:
    own_pairs(sys.argv[2])
    sys.exit()

# ROUGE ---------------------------------------------------------------------------------------------------------------

WORDS = """
a an and for from in of on the to with without attention neural networks models parsing learning translation user users'
film rating Slow QUIET it's e-mail state-of-the-art 3D 2021 1,000 50% x_y naïve café Straße ΣΟΦΟΣ İstanbul \u212aelvin
\u212bngström e\u0301te\u0301 ﬁne Ｆｕｌｌ 映画 静か هادئ фильм 🎬 ½ ⅷ ² \u00adsoft\u00adhyphen zero\u200bwidth «quoted» (in)
""".split()
JOINS = [" "] * 12 + [", ", ": ", " – ", "\n", "\t", "\u00a0", "\u3000", "-", "_", "/", "", "\u2028", "\x1c"]


def words(count):
    return "".join(word + PICK.choice(JOINS) for word in PICK.choices(WORDS, k=count))


def near(text):
    parts = text.split(" ")
    for _ in range(PICK.randint(1, 4)):
        place = PICK.randrange(len(parts))
        change = PICK.choice(["drop", "swap", "put", "upper", "dot"])
        if change == "drop" and len(parts) > 1:
            del parts[place]
        elif change == "swap":
            other = PICK.randrange(len(parts))
            parts[place], parts[other] = parts[other], parts[place]
        elif change == "put":
            parts.insert(place, PICK.choice(WORDS))
        elif change == "upper":
            parts[place] = parts[place].upper()
        else:
            parts[place] += "."
    return " ".join(parts)


EDGES = ["", " ", ".", "é", "映画", "a", "A", "a a a", "a b", "b a", "\u212a", "k", "İ", "i", "I", "ı", "ſ", "s", "_", "0", "٣"]
for gold, text in itertools.product(EDGES, EDGES):
    rouge(gold, text)
for _ in range(350):
    rouge(words(PICK.randint(1, 12)), words(PICK.randint(0, 12)))
for _ in range(350):
    gold = words(PICK.randint(2, 14))
    rouge(gold, near(gold))
for _ in range(40):
    gold = words(PICK.randint(60, 120))
    rouge(gold, near(gold) if PICK.random() < 0.5 else words(PICK.randint(60, 120)))

# Labels --------------------------------------------------------------------------------------------------------------

LISTS = [
    ["[1]", "[2]"],
    ["sci-fi", "based on a book", "comedy", "action", "twist ending", "dystopia", "dark comedy", "classic", "psychology",
     "fantasy", "romance", "thought-provoking", "social commentary", "violence", "true story"],
    [f"label {n}" for n in range(40)],
    [f"{n}" for n in range(150)],
    ["a", "b", "c"],
]
SPACES = ["", "", "", " ", "\n", "\t ", "\u00a0", "\u3000", "\x1c", "\x1f", "\x85", "\u2028"]
WRONG = ["", " ", "none", "[3]", "Comedy", "comedy.", "\u200bcomedy", '"action"', "A", "tag: classic", "label", "-1"]


def place(labels, text):
    return labels.index(text.strip()) if text.strip() in labels else -1


def spoken(labels, wrong):
    text = PICK.choice(WRONG) if PICK.random() < wrong else PICK.choice(labels)
    return PICK.choice(SPACES) + text + PICK.choice(SPACES)


for round_ in range(240):
    labels = LISTS[round_ % len(LISTS)]
    # Some rounds use a few of the labels only, so that others are absent.
    used = PICK.sample(labels, PICK.randint(1, len(labels))) if round_ % 3 else labels
    size = PICK.choice([1, 2, 3, 10, 30, 60]) if round_ % 12 else 600
    golds = [spoken(used, 0.05) for _ in range(size)]
    given = [gold if PICK.random() < 0.5 else spoken(used, 0.2) for gold in golds]
    wanted, said = [place(labels, gold) for gold in golds], [place(labels, text) for text in given]
    f1 = f1_score(wanted, said, labels=list(range(len(labels))), average="macro", zero_division=0)
    case("labels", labels=labels, gold=golds, text=given, values=[float(accuracy_score(wanted, said)), float(f1)])

# Numbers -------------------------------------------------------------------------------------------------------------

NUMBERS = """
0 1 4 5 7 -3 +4 ++4 +-4 4. .5 . -.5 4.0 4.50 04 00004.0 1e0 1E0 1e+1 1e-1 1e 1e+ e1 1.e1 .1e1 1e1.0 1e5000 -1e5000 1e-5000
0e99999999999999999999 1e99999999999999999999 1e-99999999999999999999
1_0 1__0 _1 1_ 1_.0 1._0 1_0.0_1 1e_1 1e1_0 1_e1 -_1 i_nf inf -inf +Inf INFINITY infinit infinity_ nan -nan +NaN nan(1) NaN0
4,0 4;0 4/5 4stars four 0x4 0x1p3 0b1 0o7 4j 4f 4d 4L 1,000 1'000 ４ ４．０ ４.０ -４ −4 ٤ ٤.٥ ٤٫٥ १०.५ 𝟜 𝟙𝟘 4⁰ ½ ⅳ ④ 四 4\u200b \ufeff4
4\u0301 4_٤ ４_４ 1e４ 1.7976931348623157e308 1.7976931348623159e308 2.2250738585072014e-308 5e-324 2e-324
0.1 0.30000000000000004 9007199254740993 123456789012345678901234567890 3.141592653589793238462643383279
""".split()
NUMBERS += ["", " ", " 4 ", "\t4\n", "\x1c4\x1f", "\x854", "\u00a04\u3000", "\u20284", "4 5", "- 4", "4 .0", "4\x00", "\x004",
            "4\n4", "1 _0", "\u1806٤", "\u180e4", "4 e0", " inf ", "\x1c４\x1d", "\x1c nan \u2003"]


def number(text):
    try:
        return float(text.strip())
    except ValueError:
        return None


for _ in range(260):
    kind = PICK.choice(["short", "digits", "repr"])
    if kind == "repr":
        NUMBERS.append(repr(PICK.choice([PICK.random() * 5, PICK.gauss(0, 1) * 10 ** PICK.randint(-300, 300)])))
    else:
        NUMBERS.append("".join(PICK.choices("0123456789" if kind == "digits" else "14+-._eE \u0664", k=PICK.randint(1, 9))))
for text in NUMBERS:
    value = number(text)
    case("number", text=text, number=None if value is None else repr(value))

# Every character that may stand for a digit or for white space, and some that look so.
for code in itertools.chain(range(0x3100), range(0xA600, 0xABFF), range(0xFF00, 0x11E00), range(0x16A00, 0x16C00),
                            range(0x1D700, 0x1D800), range(0x1E100, 0x1EA00), range(0x1FB00, 0x1FC00)):
    value = number(f"1{chr(code)}")
    if value is not None and (value == 1 or code % 3 == 0):
        case("number", text=f"1{chr(code)}", number=repr(value))

# Errors --------------------------------------------------------------------------------------------------------------

RATINGS = ["1", "2", "3", "4", "5"]
SPOKEN = RATINGS * 6 + ["4.0", " 3 ", "1e0", "7", "-2", "2.5", "3.3", "1_0", "４", "4 stars", "", "five", "1/5", "4.", "0.1"]


def scored(metric, low, high, golds, texts):
    wanted = [number(gold) for gold in golds]
    worst = lambda gold: float(low if abs(low - gold) > abs(high - gold) else high)
    said = [worst(gold) if number(text) is None else number(text) for gold, text in zip(wanted, texts)]
    values = [float(mean_absolute_error(wanted, said)), float(root_mean_squared_error(wanted, said))]
    assert values[1] == float(np.sqrt(mean_squared_error(wanted, said)))
    case(metric, ends=[low, high], gold=golds, text=texts, values=values)


for low, high in [(1, 5)] * 3 + [(1, 10), (0, 1), (-3, 3)]:
    points = [str(point) for point in range(low, high + 1)]
    for size in [1, 2, 5, 7, 8, 9, 16, 17, 40, 100, 127, 128, 129, 300]:
        scored("strict", low, high, PICK.choices(points, k=size), PICK.choices(SPOKEN + points * 3, k=size))
for size in [1, 3, 7, 8, 9, 15, 50, 64, 120, 128, 129, 136, 137, 200, 255, 256, 257, 264, 500, 1000, 1025, 3000, 9000]:
    golds = PICK.choices(RATINGS, k=size)
    scored("values", 1, 5, golds, [repr(round(PICK.uniform(0, 6), PICK.choice([1, 2, 3]))) for _ in golds])

# Distributions -------------------------------------------------------------------------------------------------------


def distribution(size):
    shares = RNG.dirichlet(np.full(size, PICK.choice([0.05, 0.5, 1, 10])))
    shares = np.where(RNG.random(size) < PICK.choice([0, 0, 0.4]), 0, shares)
    return shares * PICK.choice([1, 1, 100, 1e-6]) if shares.sum() > 1e-3 else np.ones(size)


SHARES = [([1, 0], [0, 1]), ([1, 0], [1, 0]), ([1, 1], [1, 0]), ([1], [3]), ([1e-300, 1], [1, 1e-300]), ([0, 2, 0], [1, 1, 1])]
SHARES += [(distribution(size), distribution(size)) for size in RNG.integers(2, 12, 300)]
SHARES += [(shares, shares + 1e-9) for shares in (distribution(5) for _ in range(20))]
for p, q in SHARES:
    p, q = np.asarray(p, dtype=float), np.asarray(q, dtype=float)
    with np.errstate(invalid="ignore"):
        divergence = float(distance.jensenshannon(p, q, base=2) ** 2)
    # Rounding may leave the library the root of a number just below 0.
    divergence = 0.0 if math.isnan(divergence) else divergence
    case("jensen_shannon", p=p.tolist(), q=q.tolist(), values=[divergence])

for round_ in range(80):
    size, classes = PICK.choice([1, 2, 5, 20]), PICK.choice([2, 3, 5, 15])
    rows = RNG.dirichlet(np.full(classes, PICK.choice([0.2, 1, 5])), size)
    wanted = RNG.integers(0, classes, size)
    score = brier_score_loss(wanted, rows, labels=list(range(classes)), scale_by_half=False)
    case("brier", places=wanted.tolist(), rows=rows.tolist(), values=[float(score)])

for round_ in range(60):
    size = PICK.choice([1, 2, 10, 60, 200])
    sure = RNG.random(size).round(PICK.choice([1, 2, 6]))
    right = RNG.random(size) < sure
    bins = np.digitize(sure, np.arange(1, 10) / 10)
    gaps = [abs(sure[bins == at].mean() - right[bins == at].mean()) * (bins == at).mean() for at in set(bins.tolist())]
    case("calibration", sure=sure.tolist(), right=right.tolist(), values=[float(sum(gaps))])
