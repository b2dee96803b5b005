"""What yardsticks say of a run: how far the machine stood, round by round, from what was usual."""

import numpy as np


def usual(run, name):
    """case -> the median of a yardstick's medians in its rounds, of which there are two at least."""
    medians = {case.name: [np.median(values) for values in case.yardsticks[name].values()]
               for case in run.cases.values() if len(case.yardsticks.get(name, {})) > 1}
    return {case: float(np.median(of)) for case, of in medians.items()}


def apart(run, name, usual_of):
    """(file, round) -> by how many percent the median of a yardstick in it differs from what is `usual_of`
    its case, one figure per case that has it; in the order of time."""
    by_round = {}
    for case, level in usual_of.items():
        taken = run.cases[case].yardsticks.get(name, {}) if case in run.cases else {}
        for key, values in taken.items():
            by_round.setdefault(key, []).append(100 * (np.median(values) / level - 1))
    return dict(sorted(by_round.items()))


def spreads(of_yardsticks):
    """Of what `apart` gives of several yardsticks of a run, for each [(number of the round, p10, median, p90)]
    over its cases. A yardstick need not be in all rounds."""
    numbers = {key: i for i, key in enumerate(sorted(set().union(*of_yardsticks)), 1)}
    return [[(numbers[key], *map(float, np.quantile(of, (0.1, 0.5, 0.9)))) for key, of in by_round.items()]
            for by_round in of_yardsticks]
