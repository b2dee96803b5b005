"""Adds counters and profiles of which the truth is known to the cases of a synthetic run.

`counted(maker)` and `profiled(maker)` change the entries that the Maker has.
`python3 synthetic_counts.py OUT.json [SEED]` writes a run to look at.
"""

import json
import sys

import numpy as np

import synthetic

PERIOD = 100003  # ns
NO_PMU = "no PMU in this virtual machine"
HARDWARE = ("instructions:k", "instructions:u", "cycles:k", "cycles:u", "dTLB-load-misses:k")
TRUTH = {
    # Per page of base pages, of fork's parent: (event, before the first page, per page).
    "fork": {"instructions:k": (300e3, 180.0), "cycles:k": (250e3, 150.0),
             "dTLB-load-misses:k": (900.0, 0.25)},
    # Per fault, of the writer; copy-page per page, in user code.
    "cow": {"instructions:k": 2400.0, "cycles:k": 4000.0, "instructions:u": 12.0,
            "cycles:u": 200.0},
    "copy-page": {"instructions:k": 0.0, "cycles:k": 0.0, "instructions:u": 12.0,
                  "cycles:u": 840.0},
    "thp": 1 / 90,  # of base pages
}
# Shares of samples, in percent. What belongs to no group is `frobnicate`.
FAULT = {"exc_page_fault": 12, "copy_mc_enhanced_fast_string": 31, "do_wp_page": 8,
         "__handle_mm_fault": 6, "lock_vma_under_rcu": 3, "get_page_from_freelist": 6,
         "__mem_cgroup_charge": 10, "flush_tlb_mm_range": 5, "_raw_spin_unlock_irqrestore": 7,
         "frobnicate": 2, "irqentry_exit": 1}
FRESH = {"exc_page_fault": 16, "clear_page_erms": 34, "__handle_mm_fault": 12,
         "lock_vma_under_rcu": 4, "get_page_from_freelist": 8, "__mem_cgroup_charge": 14,
         "frobnicate": 2}
FORK = {"copy_page_range": 36, "unmap_page_range": 30, "vm_normal_page": 18,
        "free_pages_and_swap_cache": 6, "folio_remove_rmap_ptes": 2, "frobnicate": 1}
FLOOR = {"copy_process": 8, "dup_mmap": 7, "mas_store.isra.0": 6, "vm_area_dup": 4,
         "kmem_cache_alloc_noprof": 9, "clear_page_erms": 6, "next_uptodate_folio": 8,
         "__memcg_slab_post_alloc_hook": 7, "_raw_spin_unlock_irqrestore": 10, "do_exit": 5,
         "finish_task_switch.isra.0": 6, "unmap_page_range": 5, "copy_page_range": 2,
         "do_syscall_64": 5, "nf_hook [nf_tables]": 2, "frobnicate": 3}


def counted(maker, pmu=True, running_share=1.0, child_end=False):
    for entry in maker.benchmarks:
        per, of = _events(entry)
        events = {}
        for event in HARDWARE:
            if pmu and event in of:
                parent, child = of[event]
                events[event] = _event(maker, "1", parent * per, child * per, running_share)
            elif not pmu:
                events[event] = {"reason": NO_PMU}
        parent, child = of["minor-faults"]
        events["minor-faults"] = _event(maker, "1", parent * per, child, 1.0, noise=0)
        entry["counters"] = {"samples": 4, "child_end_counted": child_end, "events": events}
    return maker


def _events(entry):
    """(operations of its counts, {event: (parent, child) per operation})."""
    axes, benchmark = entry["axes"], entry["benchmark"]
    pages = (entry.get("heap_bytes") or 0) / 4096
    faults = entry["quantities"].get("faults", {}).get("p50", 0)
    if benchmark in ("cow", "copy-page", "first-touch", "zero-page"):
        truth = TRUTH["copy-page" if benchmark == "copy-page" else "cow"]
        mine = axes.get("writer", "parent") == "parent"
        per = pages if benchmark == "copy-page" else max(faults, 1)
        share = 1 if axes.get("state", "first") == "first" else 0.4
        of = {e: (v * share, 0.0) if mine else (0.0, v * share) for e, v in truth.items()}
        touched = min(faults, per) / per
        return per, of | {"minor-faults": (touched, 0.0) if mine else (0.0, touched * per)}
    copies = axes.get("path", "fork") in ("fork", "_Fork", "clone3")
    share = TRUTH["thp"] if axes.get("backing") == "thp" else float(copies)
    of = {e: (floor + each * pages * share, 0.3 * floor)
          for e, (floor, each) in TRUTH["fork"].items()}
    return 1.0, of | {"instructions:u": (900.0, 500.0), "cycles:u": (1500.0, 900.0),
                      "minor-faults": (3.0, 25.0)}


def _event(maker, unit, parent, child, running_share, noise=0.01):
    def of(median):
        values = median * np.exp(maker.rng.normal(0, noise, 4))
        return synthetic.quantity("count", values) | {"unit": unit}
    return {"unit": unit, "running_share": running_share, "parent": of(parent), "child": of(child),
            "family": of(parent + child), "cpu": of(2 * parent + child),  # its end: as dear
            "inheriting": round(0.02 * parent)}


def profiled(maker, samples=2000, **keywords):
    """`keywords`: keys of every profile."""
    for entry in maker.benchmarks:
        touches = "debt_ns" in entry["quantities"]
        if "total_ns" not in entry["quantities"] and not touches:
            entry["profile"] = {"reason": "this case does not say where its operation begins and "
                                          "ends"}
            continue
        functions = _functions(entry, samples)
        user = samples - sum(functions.values())
        quantity = "debt_ns" if touches else "total_ns"
        # As many as give these samples when all of the time runs on one CPU.
        operations = max(round(samples * PERIOD / entry["quantities"][quantity]["p50"]), 1)
        entry["profile"] = {
            "event": "cpu-clock", "period": PERIOD, "unit": "ns", "scope": "cpus",
            "operations": operations, "samples": samples, "lost": 0, "throttled": 1,
            "quantity": quantity, "child_end_sampled": True,
            "functions": [_function(name, n) for name, n in functions.items() if n],
            "images": [{"name": "bench", "samples": user - user // 4},
                       {"name": "libc.so.6", "samples": user // 4}]} | keywords
    return maker


def _function(name, samples):
    """`name [module]` as in a file."""
    bare, _, module = name.rstrip("]").partition(" [")
    return {"name": bare, "samples": samples} | ({"module": module} if module else {})


def _functions(entry, samples):
    if entry["benchmark"] == "cow":
        shares = FAULT
    elif entry["benchmark"] == "copy-page":
        shares = {}
    elif "debt_ns" in entry["quantities"]:
        shares = FRESH
    else:
        pages = (entry.get("heap_bytes") or 0) / 4096
        large = pages / (pages + 2000)
        shares = {name: (1 - large) * FLOOR.get(name, 0) + large * FORK.get(name, 0)
                  for name in {**FLOOR, **FORK}}
    return {name: int(samples * share / 100) for name, share in shares.items()}


def everything(maker, **keywords):
    return profiled(counted(maker, **keywords))


if __name__ == "__main__":
    made = everything(synthetic.full_run(int(sys.argv[2]) if len(sys.argv) > 2 else 1))
    with open(sys.argv[1], "w", encoding="utf-8") as out:
        json.dump(made.document(), out)
