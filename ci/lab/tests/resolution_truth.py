"""A campaign's result files, of which the truth is known."""

import numpy as np

import synthetic
from conftest import write
from forkcost_lab.resolution import campaign

# benchmark and path of a group of cases, which have two sizes.
GROUPS = (("fork", "fork"), ("fork", "vfork"), ("spawn", "fork"), ("spawn", "vfork"), ("spawn", "posix_spawn"),
          ("spawn", "clone-vm"))
HEAPS = {"64MiB": 64 << 20, "256MiB": 256 << 20}
OTHERS = 3
SHARED, OWN = 0.02, 0.01  # between rounds: of both sides, of one
MACHINE, OF_GROUP = 0.02, 0.005  # between runs


def document(rng, rounds, shared=None, slower=(), session=None, side=None, others=0, moved=0.0, by_group=0.0):
    """A run. `shared`: of the rounds of both sides of a pair; `slower`: {benchmark: factor}; `moved`,
    `by_group`: deviations between runs."""
    maker = synthetic.Maker(1, rounds=rounds, samples=5)
    machine = rng.normal(0, moved)
    for place, (benchmark, path) in enumerate([*GROUPS, *[("switch", str(i)) for i in range(others)]]):
        group = rng.normal(0, by_group)
        for heap, size in HEAPS.items():
            cost = (47e3 + 0.0121 * size) * dict(slower).get(benchmark, 1.0) * np.exp(machine + group)
            common = np.zeros(rounds) if shared is None else shared[place]
            levels = cost * np.exp(common + rng.normal(0, OWN, rounds))
            axes = {"path": path, "heap": heap}
            maker.case(benchmark, axes, [{"blocked_ns": np.full(5, level), "child_major_faults": np.zeros(5)}
                                         for level in levels], heap_bytes=size)
            if benchmark != "switch":
                for entry in maker.benchmarks[-rounds:]:
                    entry["core"] = ["blocked_ns"]
    made = maker.document()
    run = made["context"]["forkcost"]["run"]
    run |= {"preset": "gate", "started": f"2026-11-28T{12 + (session or 0) % 8:02}:00:00Z"}
    if side:
        run["interleaved"] = {"session": f"s{session}", "side": side}
    return made


def measured(directory, pairs=0, runs=0, aa=0, quick=0, rounds=20, seed=1, b_slower=()):
    """Writes them as the campaign does; its Place. `b_slower`: {benchmark: factor} of side b."""
    place, rng = campaign.Place(directory), np.random.default_rng(seed)
    for kind in ("interleaved", "separate", "aa", "quick", "spread"):
        (directory / kind).mkdir(parents=True)
    for number in range(pairs):
        shared = rng.normal(0, SHARED, (len(GROUPS), rounds))
        for side, path in zip("ab", place.pair(number)):
            write(document(rng, rounds, shared, b_slower if side == "b" else (), number, side), path)
    for kind, count in (("separate", runs), ("aa", aa)):
        for number in range(count):
            write(document(rng, rounds, session=number, moved=MACHINE, by_group=OF_GROUP), place.run(kind, number))
    for number in range(quick):
        write(document(rng, 5, session=number, others=OTHERS, moved=0.001, by_group=0.001),
              place.run("quick", number))
    return place


def turn(rng, spreads):
    """The document of a turn of the peers. `spreads`: {row: {who: deviation}}."""
    return {"started": "2026-11-28T12:00:00+00:00", "cpu": 1,
            "figures": {row: {who: 1000 * float(np.exp(rng.normal(0, s))) for who, s in of.items()}
                        for row, of in spreads.items()},
            "seconds": {row: {who: 1.9 for who in of} for row, of in spreads.items()}}
