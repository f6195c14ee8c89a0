#!/usr/bin/env python3
"""Writes table.jsonl: what other software gives for the statistics of rpm-core.

Made with Python 3.11, numpy 2.4.6, scipy 1.17.1, statsmodels 0.15.0:

    python3 -m venv venv && venv/bin/pip install numpy==2.4.6 scipy==1.17.1 statsmodels==0.15.0
    venv/bin/python tests/oracle/make_table.py > tests/oracle/table.jsonl

Each line is one case: the statistic, its arguments (each a list of numbers), the values it must give (relative error at
most 1e-9) and the bounds of intervals (1e-6). Empty values stand for `None`. Fractions are exact where the libraries lose
digits, and then the libraries are asserted to agree as far as they go. Nothing here is taken from the crate but its
definitions: the prior, the rule that chooses between tests, and the edges.
"""

import itertools
import json
import math
from fractions import Fraction

import numpy as np
from scipy import stats
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint
from statsmodels.stats.weightstats import CompareMeans, DescrStatsW

RNG = np.random.default_rng(20_250_521)
GRID = [0.5, 1, 2, 4, 8, 16, 32, 64]


def case(statistic, arguments, values=(), bounds=()):
    plain = lambda numbers: [float(number) for number in numbers]
    line = {"statistic": statistic, "arguments": [plain(np.atleast_1d(a)) for a in arguments]}
    line |= {"values": plain(values), "bounds": plain(bounds)}
    assert all(math.isfinite(number) for number in line["values"] + line["bounds"]), line
    print(json.dumps(line))


def tail(level):
    return (1 - min(max(level, 0.0), 1 - 1e-9)) / 2


def beta_interval(a, b, level):
    if a <= 0 and b <= 0:
        return 0.0, 1.0
    if a <= 0 or b <= 0:
        return (0.0, 0.0) if a <= 0 else (1.0, 1.0)
    return stats.beta.ppf(tail(level), a, b), stats.beta.isf(tail(level), a, b)


def wilson(k, n, level):
    if n <= 0:
        return 0.0, 1.0
    low, high = proportion_confint(k, n, alpha=2 * tail(level), method="wilson")
    # At the ends the bound is the end itself, which the library misses by rounding.
    return low if k > 0 else 0.0, high if k < n else 1.0


# Shares --------------------------------------------------------------------------------------------------------------

for count, total, categories, alpha in [
    (3, 10, 4, 2), (0, 0, 4, 0), (0, 0, 5, 3), (0, 7, 2, 1), (7, 7, 2, 1), (1, 1, 3, 1), (1e9, 3e9, 7, 1),
    (0.125, 0.5, 2, 1), (1e-9, 1e-6, 3, 1e-3), (12, 40, 5, 0), (9, 4, 2, 0), (5e14, 1e15, 2, 1),
]:
    f_count, f_total, f_alpha = min(Fraction(count), Fraction(total)), Fraction(total), Fraction(alpha)
    share = (f_count + f_alpha / categories) / (f_total + f_alpha) if f_total + f_alpha else Fraction(1, categories)
    case("base_rate", [count, total, categories, alpha], [share])

for n, c in [(0, 0), (3, 4), (5, 4), (0, 9), (1e-320, 1e-320), (1e14, 1e15), (0.1, 0.3), (2, 7)]:
    case("propensity", [n, c], [min(n, c) / c] if c else [])

POSTERIORS = [
    (n, c, base, kappa)
    for n, c in [(0, 0), (1, 1), (0, 1), (3, 4), (7.5, 20.25), (70, 100), (99_999, 1e5), (0, 12)]
    for base, kappa in [(0.25, 4), (0.5, 0.5), (0.9, 64), (0.01, 8)]
] + [(0, 0, 0.3, 0), (3, 4, 0.3, 0), (3, 4, 0, 2), (3, 4, 1, 2), (1e15, 1e15, 0.5, 1)]
for n, c, base, kappa in POSTERIORS:
    shape = Fraction(n) + Fraction(kappa) * Fraction(base)
    whole = Fraction(c) + Fraction(kappa)
    case("posterior_mean", [n, c, base, kappa], [shape / whole if whole else base])

LEVELS = [0.95, 0.5, 0.999]
INTERVALS = [(*posterior, LEVELS[i % 3]) for i, posterior in enumerate(POSTERIORS)] + [
    (0, 0, 0.25, 4, 0.95), (1, 1, 0.25, 4, 0.95), (3, 4, 0.5, 2, 0.95), (0, 10, 0.1, 4, 0.9), (10, 10, 0.6, 1, 0.99),
    (30, 100, 0.3, 0.5, 0.95), (7.5, 20.25, 0.4, 8, 0.8), (700, 1000, 0.5, 64, 0.95), (99_999, 1e5, 0.5, 4, 0.95),
    # Small shapes, where most of the mass is on the ends.
    (0, 4.9999, 0.2, 0.005, 0.95), (0, 5, 0.2, 0.05, 0.95), (0, 3, 0.01, 0.5, 0.9), (3, 3, 0.99, 0.5, 0.9),
    (0, 1, 0.5, 0.02, 0.5), (1, 1, 0.002, 0.5, 0.95), (0, 0, 0.1, 0.5, 0.95), (0, 0, 0.02, 4, 0.95),
    (0.001, 0.002, 0.5, 0.5, 0.8), (0, 1e5, 0.01, 0.5, 0.95), (0, 0.002, 0.5, 0.002, 0.95),
    # One shape is 0: a point.
    (0, 3, 0, 4, 0.95), (0, 3, 0.5, 0, 0.95), (3, 3, 0.5, 0, 0.95), (3, 3, 1, 2, 0.95),
    # Odd levels.
    (3, 10, 0.5, 2, 0), (3, 10, 0.5, 2, 1), (3, 10, 0.5, 2, -1), (3, 10, 0.5, 2, 7), (0, 40, 0.1, 1, 0.999_999_9),
    (3, 10, 0.5, 2, 1e-9),
    # Large counts, on one side and on both.
    (0, 1e5, 0.01, 4, 0.95), (1, 1e6, 0.5, 4, 0.95), (5e4, 1e5, 0.5, 4, 0.999), (6e5, 1e6, 0.5, 4, 0.5),
    (9e5, 1.9e6, 0.5, 4, 0.95), (3e6, 8e6, 0.5, 4, 0.95), (1.5e6, 4e9, 0.5, 4, 0.95), (12, 1e9, 0.5, 4, 0.95),
    (1e9, 2e9, 0.5, 1, 0.99), (999_990, 1e6, 0.9, 64, 0.95), (2e5, 1e6, 0.5, 8, 0.9), (40, 1e4, 0.004, 32, 0.95),
    (3e6, 8e6, 0.5, 0, 0.95), (1.5e6, 1.5e6 + 4e9, 0.5, 0, 0.95), (1e12, 2e12, 0.5, 0, 0.95),
]
for n, c, base, kappa, level in INTERVALS:
    case("credible_interval", [n, c, base, kappa, level],
         bounds=beta_interval(n + kappa * base, c - n + kappa * (1 - base), level))
for _ in range(40):
    c = float(RNG.integers(1, 400))
    n = float(RNG.integers(0, c + 1))
    base, kappa, level = round(RNG.uniform(0.01, 0.99), 3), float(RNG.choice(GRID)), round(RNG.uniform(0.5, 0.999), 3)
    case("credible_interval", [n, c, base, kappa, level],
         bounds=beta_interval(n + kappa * base, c - n + kappa * (1 - base), level))

for posterior, base in [(0.6, 0.3), (0, 0), (0.5, 0), (0.5, 1e-300), (0, 0.5), (1, 1), (0.2, 0.7), (1e-12, 0.9)]:
    case("lift", [posterior, base], [min(posterior / base, 1e6) if base else (1e6 if posterior else 1)])

for factors, base in [
    ([[10, 0], [0, 10]], [0.5, 0.5]), ([[5, 5], [4, 4]], [0.5, 0.5]), ([[1, 0]], [0.5, 0.5]),
    ([[10, 2], [3, 6], [2, 3], [3, 0]], [0.55, 0.45]), ([[6, 2], [5, 3], [2, 5]], [0.55, 0.45]),
    ([[4, 1, 0], [0, 2, 5], [1, 1, 1]], [0.4, 0.3, 0.3]), ([[2, 0], [2, 0], [0, 2]], [0.6, 0.4]),
    ([[20, 3], [4, 9], [7, 7], [1, 6]], [0.6, 0.4]),
]:
    rows = np.array(factors, float)
    others = np.maximum(rows.sum(axis=1, keepdims=True) - 1, 0)
    score = lambda k: (rows * np.log((np.maximum(rows - 1, 0) + k * np.array(base)) / (others + k)))[rows > 0].sum()
    scores = [score(kappa) for kappa in GRID]
    best = max(kappa for kappa, value in zip(GRID, scores) if value >= max(scores) - 1e-12)
    least = min(kappa for kappa, value in zip(GRID, scores) if value >= max(scores) - 2)
    case("choose_kappa", [base, *factors], [best, least, best])

for k, n, level in [
    (0, 10, 0.95), (10, 10, 0.95), (1, 2, 0.95), (5, 10, 0.95), (3, 7, 0.9), (50, 1000, 0.99), (999, 1000, 0.95),
    (1, 1, 0.8), (33, 100, 0.5), (0, 1, 0.95), (0, 0, 0.95), (2.5, 6.25, 0.95), (0, 1e9, 0.95), (1e9, 1e9, 0.95),
    (5e8, 1e9, 0.999), (1, 1e6, 0.95), (3, 7, 0), (3, 7, 1), (1e-6, 1e-3, 0.95), (7, 7, 0.999), (1e12, 3e12, 0.95),
]:
    case("wilson", [k, n, level], bounds=wilson(k, n, level))
for _ in range(15):
    n = int(RNG.integers(1, 500))
    k, level = int(RNG.integers(0, n + 1)), round(RNG.uniform(0.3, 0.999), 3)
    case("wilson", [k, n, level], bounds=wilson(k, n, level))

for counts, prior, level in [
    ([3, 1, 0], 1, 0.95), ([10, 5, 5], 0.5, 0.95), ([0, 0], 1, 0.95), ([0, 0, 0], 0.01, 0.95), ([7], 1, 0.95),
    ([1e6, 2, 0], 1, 0.95), ([0.25, 0.5, 3], 1, 0.9), ([4, 0, 0], 0, 0.95), ([0, 0, 0], 0, 0.95),
    ([12, 9, 4, 4, 3, 0, 0, 1], 1, 0.99), ([5e6, 4e6, 3e6], 1, 0.95), ([1, 2, 3, 4, 5], 0.5, 0.5),
]:
    shapes = np.array(counts, float) + prior
    total = shapes.sum()
    # Added up over the others, so that a category without others has exactly none.
    others = [sum(np.delete(shapes, i)) for i in range(len(shapes))]
    case("dirichlet_shares", [counts, prior, level],
         shapes / total if total else np.full(len(counts), 1 / len(counts)),
         [end for a, b in zip(shapes, others) for end in (beta_interval(a, b, level) if total else (0, 1))])

# Tests ---------------------------------------------------------------------------------------------------------------


def fisher(a, b, c, d):
    """Two-sided, all tables no likelier than this one (to 1e-7), in exact arithmetic where that is quick."""
    a, b, c, d = int(a), int(b), int(c), int(d)
    library = stats.fisher_exact([[a, b], [c, d]]).pvalue
    row, other, column = a + b, c + d, a + c
    low, high = max(0, column - other), min(row, column)
    if high - low > 30_000 or math.log(math.comb(row + other, min(column, 10_000)) or 1) > 1e5:
        return library
    weight = math.comb(row, low) * math.comb(other, column - low)
    weights = []
    for cell in range(low, high + 1):
        weights.append(weight)
        weight = weight * (row - cell) * (column - cell) // ((cell + 1) * (other - column + cell + 1))
    own = weights[a - low]
    exact = float(Fraction(sum(w for w in weights if 10**7 * w <= own * (10**7 + 1)), sum(weights)))
    assert abs(library - exact) <= 1e-6 * exact + 1e-300, (a, b, c, d, library, exact)
    return exact


FISHER = [
    (3, 1, 1, 3), (0, 5, 5, 0), (3, 5, 4, 50), (8, 2, 1, 5), (1, 9, 11, 3), (10, 0, 0, 10), (0, 3, 7, 0), (2, 2, 2, 2),
    (1, 0, 0, 1), (30, 2, 1, 40), (200, 10, 10, 200), (1000, 900, 900, 1000), (12, 0, 988, 100_000), (5, 1, 0, 6),
    # Empty margins.
    (0, 0, 0, 0), (0, 10, 0, 10), (3, 4, 0, 0), (0, 0, 3, 4), (5, 0, 9, 0), (7, 0, 0, 0), (0, 0, 0, 1),
    # Large tables.
    (100_000, 99_000, 99_000, 100_000), (1_000_000, 999_000, 999_000, 1_000_000), (1_000_000, 1, 1, 2),
    (12, 0, 988, 1_000_000), (50, 1_000_000, 5, 1_000_000), (0, 1_000_000, 20, 1_000_000), (3, 7, 10_000_000, 90),
]
FISHER += [tuple(int(x) for x in RNG.integers(0, 40, 4)) for _ in range(20)]
FISHER += [tuple(int(x) for x in RNG.integers(0, 2000, 4) // RNG.integers(1, 50, 4)) for _ in range(12)]
for table in FISHER:
    case("fisher_exact", table, [fisher(*table)])


def occurring(table):
    table = np.array(table, float)
    return table[table.sum(axis=1) > 0][:, table.sum(axis=0) > 0]


def chi_square(table):
    """Statistic, degrees of freedom, p-value and least expected count; None without two rows and columns."""
    kept = occurring(table)
    if min(kept.shape) < 2:
        return None
    got = stats.chi2_contingency(kept, correction=False)
    return got.statistic, got.dof, got.pvalue, got.expected_freq.min()


CHI = [
    [[10, 20], [30, 40]], [[50, 10], [10, 50]], [[5, 5], [5, 5]], [[12, 7, 9], [3, 14, 20]],
    [[1, 2, 3], [4, 5, 6], [7, 8, 10]], [[100, 200, 300, 400], [110, 190, 310, 390]], [[2.5, 7.5], [6.25, 3.75]],
    [[40, 0, 3], [1, 30, 2], [0, 5, 60]], [[1000, 900], [900, 1000]], [[10, 0, 20], [0, 0, 0], [30, 0, 40]],
    [[3, 4]], [[3], [4]], [[3, 4], [0, 0]], [[0, 0], [0, 0]], [[1, 0], [0, 1]], [[1e9, 1e9 + 1e5], [1e9, 1e9]],
    [[0.001, 0.002], [0.003, 0.001]], [[500, 1], [1, 500]],
]
CHI += [RNG.integers(0, 60, (r, c)).tolist() for r, c in [(2, 2), (2, 3), (2, 5), (3, 3), (4, 6), (2, 10), (7, 2), (5, 5)]]
for table in CHI:
    got = chi_square(table)
    case("chi_square", table, got or [])
    if got is None:
        kept = occurring(table)
        case("min_expected", table, [stats.contingency.expected_freq(kept).min() if kept.size else 0])


def association(own, other):
    size = max(len(own), len(other))
    own, other = (np.pad(np.array(x, float), (0, size - len(x))) for x in (own, other))
    got = chi_square([own, other])
    if got is None:
        return 1.0
    if got[3] >= 5:
        return got[2]
    occurs = int(((own + other) > 0).sum())
    # Half away from zero, where numpy rounds half to even.
    a, b = (np.floor(x + 0.5).astype(int) for x in (own, other))
    p = min(fisher(a[i], a.sum() - a[i], b[i], b.sum() - b[i]) for i in range(size))
    return min(1.0, p * (1 if occurs == 2 else occurs))


ASSOCIATIONS = [
    ([12, 7, 9], [3, 14, 20]), ([5, 1, 0], [0, 3, 3]), ([5, 1, 0, 0], [0, 3, 3]), ([4.6, 1.2, 0.3], [0.1, 3.4, 2.7]),
    ([3, 4], [0, 0]), ([0, 0], [3, 4]), ([5, 0], [9, 0]), ([0.2, 0.3], [0.4, 0.1]), ([3, 0], [17, 20]),
    ([10, 10], [10, 10]), ([5], [1, 9]), ([2.5, 0.5], [0.5, 2.5]), ([9, 0, 1], [41, 40, 9]), ([1, 0], [0, 1]),
    ([3], [4]), ([20, 0, 0, 0, 0], [20, 20, 20, 20, 20]), ([1, 0, 0, 0, 2], [0, 0, 0, 0, 40]),
]
ASSOCIATIONS += [
    (RNG.integers(0, most, k).tolist(), RNG.integers(0, 4 * most, k).tolist())
    for most, k in itertools.product([3, 8, 25], [2, 3, 5, 10]) for _ in range(2)
]
for own, other in ASSOCIATIONS:
    case("association", [own, other], [association(own, other)])

for p in [
    [0.01, 0.04, 0.03, 0.005], [0.05], [0.5, 0.5, 0.5], [1, 0.001, 0.02], [0.9, 0.8, 0.7, 0.6], [0, 1, 0],
    [0.001, 0.008, 0.039, 0.041, 0.042, 0.06, 0.074, 0.205], [0.03, 0.01, 0.02], [1e-10, 0.02, 0.0201, 0.9],
    [1e-300, 1e-200, 1], [1, 1, 1], [0, 0],
] + [RNG.uniform(0, 1, n).tolist() for n in (2, 5, 30, 100)] + [(RNG.uniform(0, 1, 60) ** 4).round(2).tolist()]:
    case("benjamini_hochberg", [p], multipletests(p, method="fdr_bh")[1])


def written_out(counts):
    return np.repeat(np.arange(len(counts)), np.array(counts, int))


def rank_sum_exact(own, other):
    """Twice the smaller tail of the rank sum given the ties, by convolution in whole numbers."""
    ways = {(0, 0): 1}
    below = observed = 0
    for a, b in zip(own, other):
        rank = 2 * below + a + b + 1
        observed += a * rank
        below += a + b
        extended = {}
        for (taken, total), count in ways.items():
            for more in range(min(a + b, sum(own) - taken) + 1):
                key = (taken + more, total + more * rank)
                extended[key] = extended.get(key, 0) + count * math.comb(a + b, more)
        ways = extended
    full = {total: count for (taken, total), count in ways.items() if taken == sum(own)}
    lower = sum(count for total, count in full.items() if total <= observed)
    upper = sum(count for total, count in full.items() if total >= observed)
    exact = float(min(Fraction(2 * min(lower, upper), sum(full.values())), 1))
    x, y = written_out(own), written_out(other)
    if math.comb(len(x) + len(y), len(x)) <= 50_000 and min(len(x), len(y)) > 1:
        library = stats.mannwhitneyu(x, y, method=stats.PermutationMethod(n_resamples=np.inf)).pvalue
        assert abs(library - exact) < 1e-9 * exact, (own, other, library, exact)
    return exact


def tables(own, other):
    """How many tables the margins allow at most: by the counts at each point, or by ways to share out the smaller side."""
    n = min(sum(own), sum(other))
    tied = sorted(a + b for a, b in zip(own, other) if a + b)[:-1]
    return min(math.prod(min(n, t) + 1 for t in tied), math.comb(n + len(tied), len(tied)))


def rank_sum(own, other):
    size = max(len(own), len(other))
    own, other = ([int(math.floor(c + 0.5)) for c in x] + [0] * (size - len(x)) for x in (own, other))
    if not sum(own) or not sum(other) or sum(a + b > 0 for a, b in zip(own, other)) < 2:
        return 1.0
    if tables(own, other) <= 5_000 and sum(own) + sum(other) <= 1e5:
        return rank_sum_exact(own, other)
    return stats.mannwhitneyu(written_out(own), written_out(other), method="asymptotic", use_continuity=True).pvalue


RANKED = [
    ([0, 0, 0, 1, 3], [11, 6, 11, 8, 8]), ([5, 2, 1, 1, 0], [6, 4, 10, 8, 11]), ([3, 0, 0, 0, 0], [8, 6, 11, 9, 11]),
    ([1, 1, 1, 1, 1], [2, 2, 2, 2, 2]), ([0, 4, 0], [3, 1, 9]), ([10, 0], [0, 10]), ([2, 3, 4, 5, 6], [6, 5, 4, 3, 2]),
    ([1, 0, 0], [0, 0, 1]), ([3, 0, 0, 0, 0], [0, 0, 0, 0, 40]), ([1, 0, 0, 0, 2], [0, 0, 0, 0, 40]),
    ([0, 0, 0], [1, 2, 3]), ([1, 2, 3], []), ([0, 5, 0], [0, 7, 0]), ([2], [0, 0, 3]), ([1, 2], [0, 0, 3, 1]),
    ([0, 0, 0, 3, 40], [2, 1, 0, 30, 300]), ([300, 2, 1], [30, 2, 2]), ([60, 50, 40, 30, 20], [20, 30, 40, 50, 60]),
    ([400, 500, 600], [450, 480, 650]), ([25, 25, 25, 25, 25], [30, 30, 20, 20, 25]), ([1, 0], [900, 1100]),
    ([1.4, 2.6, 0.2], [3.2, 0.4, 7.5]), ([1000, 1000, 1000, 1000], [1100, 1000, 900, 1000]),
    ([12, 11, 14, 9, 13, 10, 8, 12, 15, 9, 7], [9, 12, 11, 13, 8, 9, 12, 14, 9, 10, 11]),
]
RANKED += [
    (RNG.integers(0, most, k).tolist(), RNG.integers(0, 3 * most, k).tolist())
    for most, k in itertools.product([2, 4, 30, 100], [2, 3, 5, 7]) for _ in range(2)
]
for own, other in RANKED:
    case("rank_sum", [own, other], [rank_sum(own, other)])


def mean_difference(x, y, level):
    x, y = np.array(x, float), np.array(y, float)
    if min(len(x), len(y)) < 2:
        return [], []
    difference = x.mean() - y.mean()
    if x.var() == 0 and y.var() == 0:
        return [difference, 1.0 if difference == 0 else fisher(len(x), 0, 0, len(y))], [difference] * 2
    if x.var() == 0 or y.var() == 0:
        # Equal values are taken to vary as the other side does.
        varying = x if y.var() == 0 else y
        error = varying.std(ddof=1) * math.sqrt(1 / len(x) + 1 / len(y))
        student = stats.t(len(varying) - 1)
        margin = error * student.isf(tail(level))
        return [difference, 2 * student.sf(abs(difference) / error)], [difference - margin, difference + margin]
    got = stats.ttest_ind(x, y, equal_var=False)
    bounds = CompareMeans(DescrStatsW(x), DescrStatsW(y)).tconfint_diff(alpha=2 * tail(level), usevar="unequal")
    assert np.allclose(bounds, got.confidence_interval(1 - 2 * tail(level)), rtol=1e-6, atol=1e-9)
    return [difference, got.pvalue], bounds


DIFFERENCES = [
    ([1, 2, 3, 4, 5], [2, 3, 4, 5, 6], 0.95), ([5, 5, 4, 5], [1, 2, 1, 1, 2], 0.95), ([1, 2], [4, 6], 0.95),
    ([3, 3, 3], [1, 2, 5], 0.95), ([1, 5, 1, 5], [3, 3, 3, 4], 0.9), ([0.5, 1.25, -2, 4], [0.5, 1.5, 9, -1, 7.25], 0.99),
    ([1, 2, 3, 4, 5, 4, 3, 2, 1, 2, 3], [5, 4, 5], 0.95), ([1, 2, 3], [4], 0.95), ([2, 2], [5, 5], 0.95), ([5, 5, 5], [5, 4, 5, 3, 5, 5, 2, 5], 0.95), ([1, 2], [4, 4, 4, 4], 0.9),
    ([2, 2, 2], [5, 5, 5, 5, 5, 5, 5], 0.95), ([4, 4, 4], [4, 4], 0.95), ([1, 5] * 50, [2, 4] * 10 + [5], 0.95),
    ([1, 2, 4], [3, 5, 9], 0.5), ([1, 2, 4], [3, 5, 9], 0.999_999), ([1, 5] * 50, [2, 4] * 10, 0.95), ([1, 2, 3], [1, 2, 3], 0.95),
    # Far from 0 against their spread; farther off the crate's sums of squares lose digits, as `Moments::variance` says.
    ([1e3, 1e3 + 3, 1e3 + 5], [1e3 + 9, 1e3 + 12], 0.95),
]
DIFFERENCES += [
    (RNG.integers(1, 6, n).tolist(), RNG.integers(2, 6, m).tolist(), level)
    for n, m in [(2, 2), (3, 40), (10, 10), (5, 200), (30, 300), (2, 100), (150, 150)] for level in (0.9, 0.95)
]
for x, y, level in DIFFERENCES:
    case("mean_difference", [x, y, level], *mean_difference(x, y, level))

for values, weights in [
    ([1, 2, 3, 4, 5], [1] * 5), ([4], [1]), ([2, 2, 2], [1] * 3), ([1, 4], [2, 3]), ([-3, 0.5, 7.25], [1, 0.5, 2.5]),
    ([], []), ([1, 5] * 40, [1] * 80), ([0.25, 9], [0.5, 0.25]), ([1e3, 1.001e3, 0.999e3], [1, 1, 1]),
]:
    got = DescrStatsW(np.array(values, float), np.array(weights, float), ddof=1) if values else None
    variance = [got.var] if got and sum(weights) >= 2 else []
    case("moments", [values, weights], [got.mean, *variance] if got else [])

# Stability, reliability, drift ----------------------------------------------------------------------------------------


def shared(a, b):
    """Ružička's similarity of signed weights, taken apart into their positive and negative parts."""
    split = lambda x: np.concatenate([np.maximum(x, 0), np.maximum(-x, 0)])
    a, b = split(np.array(a)), split(np.array(b))
    return [np.minimum(a, b).sum() / np.maximum(a, b).sum()] if np.maximum(a, b).sum() > 1e-9 else []


def shrunk(counts, base, kappa):
    counts, base = np.array(counts, float), np.array(base)
    return (counts + kappa * base) / (counts.sum() + kappa)


def halved(odd, even):
    return sum(odd) + sum(even) >= 4 and min(sum(odd), sum(even)) >= 1


def corrected(x, y):
    r = np.corrcoef(x, y)[0, 1]
    return [2 * r / (1 + r) if r > 0 else 0.0]


HALVES = [
    ([4, 1], [4, 1], [0.5, 0.5], 2), ([4, 1], [1, 4], [0.5, 0.5], 2), ([4, 0], [3, 1], [0.5, 0.5], 2),
    ([2, 0], [1, 0], [0.5, 0.5], 2), ([1, 1], [1, 1], [0.5, 0.5], 2), ([2, 0], [2, 0], [1, 0], 2),
    ([3, 0, 0], [2, 1, 0], [0.5, 0.3, 0.2], 4), ([5, 2, 1], [2, 3, 2], [0.5, 0.3, 0.2], 0.5),
    ([9, 1, 2, 0], [7, 2, 2, 1], [0.4, 0.3, 0.2, 0.1], 8), ([6, 0], [0, 0], [0.5, 0.5], 2),
    ([30, 20], [28, 22], [0.5, 0.5], 64), ([2.5, 0.5], [1.25, 1.25], [0.6, 0.4], 4),
]
for odd, even, base, kappa in HALVES:
    known = halved(odd, even)
    departures = [shrunk(half, base, kappa) - base for half in (odd, even)] if known else []
    case("stability", [odd, even, base, kappa], shared(*departures) if known else [])

for odd, even, mean, kappa in [
    ([4, 4], [5, 5], 3, 1), ([4, 4], [2, 2], 3, 1), ([4, 4], [5], 3, 1), ([4, 4], [4, 4], 4, 1), ([1, 2, 5], [4, 4, 3], 3, 0),
    ([5, 4, 5, 3], [4, 4, 5], 3.25, 4), ([1, 1, 2], [2, 1], 3.5, 16), ([5, 5, 5], [5, 4, 5], 2.75, 64),
]:
    away = lambda half: [(np.mean(half) - mean) * len(half) / (len(half) + kappa)]
    known = halved([len(odd)], [len(even)])
    case("scale_stability", [odd, even, mean, kappa], shared(away(odd), away(even)) if known else [])

for x, y in [([1, 2, 3], [1, 3, 2]), ([1, 2, 3], [3, 2, 1]), ([1, 2], [1, 2]), ([1, 1, 1], [1, 2, 3]), ([1, 2, 3], [2, 4, 6])] + [
    (x.tolist(), (x * slope + RNG.normal(0, 1, n)).tolist())
    for n, slope in [(3, 1), (5, 0), (10, 0.5), (40, 2), (40, 0), (200, 0.3)] for x in [RNG.normal(0, 1, n)]
]:
    varies = len(x) >= 3 and np.var(x) > 0 and np.var(y) > 0
    case("split_half_reliability", [x, y], corrected(x, y) if varies else [])

for factors, k, kappa in [(3, 2, 4), (8, 2, 2), (12, 3, 0.5), (30, 5, 8), (2, 2, 4), (20, 2, 64)]:
    base = RNG.dirichlet(np.full(k, 5.0)).round(3)
    base[-1] = 1 - base[:-1].sum()
    rows = []
    for _ in range(factors):
        p = RNG.dirichlet(4 * base + 0.1)
        rows.append((RNG.multinomial(RNG.integers(1, 12), p), RNG.multinomial(RNG.integers(1, 12), p)))
    kept = [row for row in rows if halved(*row)]
    logs = [[np.log(shrunk(row[half], base, kappa) / base) for row in kept] for half in (0, 1)]
    case("lift_reliability", [base, kappa, *[half for row in rows for half in row]],
         corrected(np.concatenate(logs[0]), np.concatenate(logs[1])) if len(kept) >= 3 else [])


def reliability(p, correct, bins):
    order = np.argsort(p, kind="stable")
    p, correct = np.array(p, float)[order], np.array(correct, float)[order]
    n = len(p)
    by_count = np.searchsorted(p, p, side="left") * bins // n
    by_width = np.minimum(np.floor(p * bins), bins - 1)
    values, bounds = [n], []
    for labels in (by_count, by_width):
        error, rows = 0.0, []
        for label in np.unique(labels):
            inside = labels == label
            k, size = correct[inside].sum(), inside.sum()
            rows += [size, p[inside].mean(), k / size]
            bounds += wilson(k, size, 0.95)
            error += size / n * abs(k / size - p[inside].mean())
        values += [error, *rows]
    happened = np.where(correct > 0, p, 1 - p).clip(1e-15)
    return values + [np.mean((p - correct) ** 2), np.log(happened).mean()], bounds


RELIABLE = [([0.9, 0.9, 0.9, 0.2, 0.2], [1, 1, 0, 0, 0], 2), ([0.75] * 20, [1] * 15 + [0] * 5, 10), ([1, 0], [0, 1], 5),
            ([0.5], [1], 10), ([0, 0.25, 0.5, 0.75, 1], [0, 0, 1, 1, 1], 4), ([0.3, 0.3, 0.6], [1, 0, 1], 1)]
for n, bins in [(10, 10), (37, 5), (200, 10), (200, 15), (50, 100)]:
    p = RNG.uniform(0, 1, n).round(2)
    RELIABLE.append((p.tolist(), (RNG.uniform(0, 1, n) < p**1.5).astype(int).tolist(), bins))
for p, correct, bins in RELIABLE:
    case("reliability", [p, correct, bins], *reliability(p, correct, bins))


def drift(sightings, places, test):
    sightings = [place for place in sightings if place < places]
    best, windows, window = None, 0, 5
    while window <= len(sightings) // 2:
        count = lambda part: np.bincount(part, minlength=places).tolist()
        p = test(count(sightings[-window:]), count(sightings[:-window]))
        # The library computes a p in another order, so equal ones may differ in their last digits.
        if best is None or p < best[0] * (1 - 1e-12):
            best = (p, window, len(sightings) - window)
        windows, window = windows + 1, window * 2
    return [min(1.0, best[0] * windows), *best[1:]] if best else []


DRIFTS = [
    ([0] * 20 + [1] * 6, 2), ([0] * 30 + [1] * 10, 2), ([0] * 9, 2), ([0] * 12, 2), ([0, 1] * 20, 2), ([7] * 12, 3),
    ([0] * 12 + [9] + [1] * 8, 3), ([0, 1, 2] * 10 + [2] * 6, 3), ([4] * 30 + [3, 4, 3, 2, 3], 5),
]
for n, k in [(15, 2), (40, 3), (90, 2), (200, 5), (60, 11)]:
    old, new = RNG.dirichlet(np.full(k, 2.0)), RNG.dirichlet(np.full(k, 2.0))
    DRIFTS.append((np.concatenate([RNG.choice(k, n, p=old), RNG.choice(k, n // 3, p=new)]).tolist(), k))
for sightings, places in DRIFTS:
    case("drift_of_responses", [sightings, places], drift(sightings, places, association))
    case("drift_of_points", [sightings, places], drift(sightings, places, rank_sum))
