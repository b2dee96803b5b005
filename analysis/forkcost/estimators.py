"""Which estimator of a quantity repeats best: its spread between runs of the same kind."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd

from forkcost import stats, units
from forkcost.errors import InputError, NoAnswer
from forkcost.load import must_match

MIN_RUNS = 3
AGREE = 0.05
QUANTILES = ("min", "p10", "p25", "p50")  # what a result file may name as a quantity's estimator


@dataclass(frozen=True)
class Comparison:
    """`table`: one row per quantity and estimator: `cases`, `median` and `p90` over the cases of
    the spread (p90 − p10 of the estimates of the runs, divided by their median; nearest-rank, so
    that with three runs it is the whole range), and `agree`: the share of cases of consecutive
    runs whose estimates are within AGREE of one another. `exact`: quantity that is a count ->
    (cases with one value in all samples of all runs, cases)."""

    table: object
    exact: dict
    runs: tuple


def compare(runs):
    """The Comparison of Runs. Raises InputError for too few or unlike ones, NoAnswer when no case
    is in all of them."""
    if len(runs) < MIN_RUNS:
        raise InputError(f"{len(runs)} run(s): a spread between runs needs {MIN_RUNS} or more: "
                         "give more result files of the same preset")
    for run in runs[1:]:
        must_match("machine or kernel", (run.paths[0], run.machine),
                   (runs[0].paths[0], runs[0].machine))
        must_match("preset", (run.paths[0], _preset(run)), (runs[0].paths[0], _preset(runs[0])))
    rows, exact = [], {}
    for name in runs[0].cases:
        for q in runs[0].cases[name].quantities:
            found = [run.quantity(name, q) for run in runs]
            if any(f is None for f in found):
                continue
            if found[0].unit == "1":
                same = len({v for f in found for v in np.unique(f.samples)}) == 1
                held, tried = exact.get(q, (0, 0))
                exact[q] = (held + same, tried + 1)
            elif found[0].unit == "ns":
                rows += _spreads(name, q, found)
    if not rows:
        raise NoAnswer(f"{', '.join(str(r.paths[0]) for r in runs)}: no timed case is in all of "
                       "them: measure the same cases in each run")
    cases = pd.DataFrame(rows)
    groups = cases.groupby(["quantity", "estimator"], sort=False)
    table = groups.agg(
        cases=("spread", "size"), median=("spread", lambda v: stats.quantile(v, 0.5)),
        p90=("spread", lambda v: stats.quantile(v, 0.9)), agree=("agree", "mean"))
    return Comparison(table.reset_index(), exact, tuple(runs))


def _preset(run):
    return run.context.get("run", {}).get("preset")


def _spreads(name, quantity, found):
    """Rows of one case, one per estimator; none if an estimate is not above 0 (a timer's cost was
    subtracted from next to nothing): all estimators must be judged by the same cases."""
    if found[0].histograms:  # no samples: only what can be read from the bins
        estimates = {e: np.array([of(q) for q in found]) for e, of in _OF_SUMMARY.items()}
    else:
        estimates = {e: np.array([of(q.rounds) for q in found])
                     for e, of in stats.ESTIMATORS.items()}
    if min(values.min() for values in estimates.values()) <= 0:
        return
    for estimator, values in estimates.items():
        low, middle, high = stats.quantile(values, [0.1, 0.5, 0.9])
        yield {"case": name, "quantity": quantity, "estimator": estimator,
               "spread": (high - low) / middle,
               "agree": np.mean([max(a, b) / min(a, b) - 1 <= AGREE for a, b in pairwise(values)])}


_OF_SUMMARY = {
    "min": lambda q: q.summary["min"], "p10": lambda q: q.quantile(0.1),
    "p25": lambda q: q.quantile(0.25), "p50": lambda q: q.quantile(0.5),
    "mean": lambda q: q.summary["mean"],
}


def best(table):
    """quantity -> its estimator with the smallest median spread (then p90)."""
    order = table.sort_values(["median", "p90"], kind="stable")
    return order.groupby("quantity", sort=False).first()["estimator"].to_dict()


def markdown(comparison):
    """The Comparison as a Markdown document."""
    table, winners = comparison.table, best(comparison.table)
    simple = best(table[table.estimator.isin(QUANTILES)])
    first = comparison.runs[0]
    seconds = sum(r.context.get("run", {}).get("seconds") or 0 for r in comparison.runs)
    lines = [
        "# Which estimator repeats", "",
        f"{len(comparison.runs)} runs of preset `{_preset(first) or 'none'}` on one machine "
        f"({', '.join(first.machine[1:])}), {seconds:.0f} seconds in all. "
        "Made by `forkcost estimators`.", "",
        "Spread: p90 − p10 of the runs' estimates divided by their median (nearest-rank), per "
        "case; the table has the median and the p90 of that over the cases. Agree: the share of "
        f"cases in which two consecutive runs are within {AGREE:.0%} of one another. The smallest "
        "spread is bold.", "",
        f"| quantity | best | best of {', '.join(QUANTILES)} |", "|---|---|---|",
        *(f"| `{q}` | {winners[q]} | {simple.get(q, '–')} |" for q in table.quantity.unique())]
    for quantity, rows in table.groupby("quantity", sort=False):
        lines += ["", f"## {quantity}", "", "| estimator | cases | spread, median | spread, p90 | "
                  "agree |", "|---|---:|---:|---:|---:|"]
        for row in rows.itertuples():
            mark = "**" if row.estimator == winners[quantity] else ""
            lines.append(f"| {mark}{row.estimator}{mark} | {row.cases} | "
                         f"{units.percent(row.median)} | {units.percent(row.p90)} | "
                         f"{units.percent(row.agree)} |")
    if comparison.exact:
        lines += ["", "## Counts", "", "| quantity | cases | one value in all runs |",
                  "|---|---:|---:|",
                  *(f"| `{q}` | {tried} | {held} |"
                    for q, (held, tried) in comparison.exact.items())]
    return "\n".join(lines) + "\n"
