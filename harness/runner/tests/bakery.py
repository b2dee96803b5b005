"""A result file of benchmarks and quantities that no program of the suite has.

What the answer shows of it is there because the file declares it, and for no other reason.
"""

import copy

KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30
SIZES = {"0": 0, "16MiB": 16 * MIB, "256MiB": 256 * MIB, "1GiB": GIB}


def quantity(median, unit="ns"):
    return {"unit": unit, "better": "lower", "n": 3, "min": median, "p50": median,
            "p90": 1.1 * median, "p99": 1.1 * median, "max": 1.1 * median, "mean": median,
            "samples": [median, median, 1.1 * median]}


def entry(benchmark, axes, quantities, round_index=0, disturbed=False):
    name = "/".join([benchmark, *(f"{axis}:{value}" for axis, value in axes.items())])
    return {"name": name, "benchmark": benchmark, "axes": axes, "repetition_index": round_index,
            "repetitions": 2, "iterations": 3, "real_time": 1, "cpu_time": 1, "time_unit": "ns",
            "primary": next(iter(quantities)), "quantities": quantities,
            "verification": [{"check": "heat", "expected": "1", "observed": "1", "ok": True}],
            "conditions": {"disturbed": disturbed, "reasons": ["the door was open"] * disturbed},
            "outcome": {"status": "ok"}}


def unmeasured(name, status, reason):
    return {"name": name, "benchmark": name.split("/")[0], "axes": {},
            "outcome": {"status": status, "reason": reason}}


def declared():
    """Rows by columns, two kinds of lines, a figure for trust, and what is only counted."""
    columns = [{"title": title, "group": group, "axes": {"size": size}, "quantity": wanted, **more}
               for group, size in (("empty", "0"), ("{size}", "256MiB"), ("{size}", "largest"))
               for title, wanted, more in (
                   ("proof", "proof_ns", {}), ("crust", "crust_ns", {}),
                   ("faster", "crust_ns", {"reduce": "speedup", "to": {"oven": "stone"}}))]
    stone = {"oven": "stone", "shelf": "middle"}
    return [
        {"title": "pies", "place": 100, "layout": "count", "benchmark": "pie",
         "text": "{} of {total} eaten; how they were: taste {file}"},
        {"title": "bake in", "place": 1, "layout": "table", "benchmark": "bake",
         "axes": {"shelf": "middle"}, "columns": columns,
         "rows": [{"title": oven, "axes": {"oven": oven}}
                  for oven in ("stone", "gas", "microwave", "never-built")]},
        {"title": "growth", "place": 2, "layout": "lines", "benchmark": "bake", "axes": stone,
         "quantity": "proof_ns",
         "rows": [{"title": "dough alone", "figures": [
             {"text": "{} empty", "axes": {"size": "0"}},
             {"text": "{} at {size}", "axes": {"size": "largest"}},
             {"text": "{} per GiB", "reduce": "slope", "over": "size", "per": GIB},
             {"text": "1 ms {}", "reduce": "crossing", "over": "size", "at": 1e6}]}]},
        {"title": "crumbs", "place": 3, "layout": "lines", "benchmark": "crumb",
         "rows": [{"title": "crumbs", "figures": [
             {"text": "{} each", "quantity": "crumb_bytes", "axes": {"of": "loaf"}},
             {"text": "{} of them", "quantity": "crumbs", "axes": {"of": "loaf"}}]},
                  {"title": "not baked today", "figures": [
                      {"text": "{}", "quantity": "crumbs", "axes": {"of": "cake"}}]}]},
        {"title": "scale", "layout": "trust", "benchmark": "scale",
         "rows": [{"figures": [{"text": "the scale adds {}", "quantity": "error_ratio",
                                "axes": {"of": "bakery"}, "goal": 1.02}]}]},
    ]


def benchmarks():
    entries = []
    for oven, factor in (("stone", 1), ("gas", 0.125), ("microwave", 0.01)):
        for size, bytes_ in SIZES.items():
            if oven == "microwave" and size == "1GiB":
                continue  # does not fit
            for round_index in range(2):
                proof = factor * (40e3 + 12.5e6 * bytes_ / GIB) + 100 * round_index
                entries.append(entry("bake", {"oven": oven, "size": size, "shelf": "middle"},
                                     {"proof_ns": quantity(proof),
                                      "crust_ns": quantity(2.5 * proof)},
                                     round_index, disturbed=round_index == 1 and size == "0"))
    entries.append(entry("bake", {"oven": "stone", "size": "0", "shelf": "top"},
                         {"proof_ns": quantity(1)}))
    entries.append(entry("crumb", {"of": "loaf"}, {"crumb_bytes": quantity(1536, "bytes"),
                                                   "crumbs": quantity(2049, "1")}))
    entries.append(entry("scale", {"of": "bakery"}, {"error_ratio": quantity(1.031, "ratio")}))
    entries += [entry("pie", {"id": str(i)}, {"taste": quantity(i, "1")}) for i in range(3)]
    return entries


def document():
    return {
        "context": {"date": "2026-01-01T00:00:00+00:00", "forkcost": {
            "schema": 1, "suite": {"version": "1", "revision": "0"}, "answer": declared(),
            "run": {"program": "forkcost-run", "preset": "quick", "rounds": 5, "rounds_done": 2,
                    "seconds": 83.7, "seed": 7, "filter": ""},
            "environment": {"kernel": {"release": "6.1.0-bakery"},
                            "machine": {"cpus_online": 2, "cpu_model": "Oven", "hypervisor": "KVM"}},
            "warnings": [{"id": "draught", "message": "a window is open: loaves cool down",
                          "remedy": "close it, as root"}]}},
        "benchmarks": benchmarks(),
        "unmeasured": [
            *(unmeasured(f"bake/oven:steam/size:{size}", "skipped",
                         f"needs {size[:-3]} {size[-3:]} of steam and {1 + i} kettle(s); buy them")
              for i, size in enumerate(("16MiB", "256MiB", "1GiB"))),
            unmeasured("pie/id:9", "skipped", "no apples"),
            unmeasured("bake/oven:coal/size:0", "failed", "event 'crust' missing: it is raw"),
        ]}


def schema_2(made):
    """The same file as schema 2 has it: names without defaults, and each thing once."""
    made = copy.deepcopy(made)
    about = made["context"]["forkcost"]
    about["schema"] = 2
    about["axes"] = {"shelf": {"default": "middle"}, "oven": {"default": None},
                     "size": {"default": None}, "of": {"default": None}, "id": {"default": None}}
    about["cases"] = {}
    for one in made["benchmarks"]:
        one["name"] = one["name"].replace("/shelf:middle", "")
        about["cases"].setdefault(one["name"], {
            key: one.pop(key) for key in ("benchmark", "primary", "verification")})
        for key in ("benchmark", "primary", "verification"):
            one.pop(key, None)
        one.pop("outcome")
        if not one["conditions"].pop("disturbed"):
            del one["conditions"]["reasons"]
        for each in one["quantities"].values():
            for key in ("better", "n", "p99", "max", "mean"):
                each.pop(key)
            each["samples"] = [0, 0, 1]
    return made
