import json
import re

import pytest
from click.testing import CliRunner

import synthetic
import synthetic_counts
from conftest import write
from forkcost import counters, functions
from forkcost.cli import main
from forkcost.errors import InputError
from forkcost.functions import OTHER, USER, Sampled, Work
from forkcost.load import load
from forkcost.plots import common, cow_fault, fork_functions
from forkcost.units import NBSP

COW = "cow/heap:256MiB"
TABLE = """
fault_parts = ["copy"]
[[group]]
name = "first"
about = "a"
functions = ["copy_*"]
[[group]]
name = "second"
about = "b"
fault = "copy"
functions = ["copy_page", "clear_[a-c]*"]
"""


@pytest.fixture(scope="module")
def ours():
    return functions.read()


@pytest.fixture(scope="module")
def run(full_file, tmp_path_factory):
    maker = synthetic_counts.everything(synthetic.full_run())
    return load([write(maker.document(), tmp_path_factory.mktemp("runs") / "run.json")])


def call(*words):
    return CliRunner(mix_stderr=False).invoke(main, [str(w) for w in words])


# What a kernel engineer would say, for kernels 5.10 to 6.18, x86-64 and arm64.
KNOWN = {
    "page-table copy": "copy_page_range copy_pte_range copy_one_pte copy_present_ptes "
                       "copy_huge_pmd copy_hugetlb_page_range swap_duplicate",
    "page-table teardown": "unmap_page_range zap_pte_range zap_huge_pmd free_pgtables exit_mmap "
                           "tlb_remove_table_rcu __tlb_remove_folio_pages free_swap_cache "
                           "folios_put_refs release_pages",
    "finding the mapping": "lock_vma_under_rcu mas_walk vmacache_find find_vma",
    "accounting": "__mem_cgroup_charge charge_memcg try_charge_memcg mod_memcg_lruvec_state "
                  "folio_add_new_anon_rmap page_add_new_anon_rmap folio_remove_rmap_ptes "
                  "page_remove_rmap lock_page_memcg cgroup_rstat_updated percpu_counter_add_batch",
    "page allocation and zeroing": "clear_page_erms clear_page clear_huge_page rmqueue "
                                   "get_page_from_freelist __alloc_pages_nodemask free_unref_page "
                                   "__alloc_frozen_pages_noprof vma_alloc_folio_noprof "
                                   "mte_zero_clear_page_tags",
    "copying": "copy_page copy_mc_enhanced_fast_string copy_mc_fragile copy_user_highpage memcpy "
               "copy_page_to_iter __arch_copy_to_user mte_copy_page_tags _copy_from_user",
    "TLB": "flush_tlb_mm_range native_flush_tlb_multi flush_tlb_func ptep_clear_flush "
           "smp_call_function_many_cond __flush_tlb_range",
    "kernel entry": "asm_exc_page_fault exc_page_fault entry_SYSCALL_64_after_hwframe "
                    "do_syscall_64 el0t_64_sync_handler el0_da do_mem_abort do_page_fault error_entry",
    "kernel exit": "syscall_exit_to_user_mode irqentry_exit ret_to_user syscall_return_via_sysret "
                   "swapgs_restore_regs_and_return_to_usermode ret_from_fork_asm",
    "page faults": "handle_mm_fault __handle_mm_fault do_wp_page wp_page_copy do_anonymous_page "
                   "hugetlb_fault do_huge_pmd_wp_page",
    "page-table helpers": "vm_normal_page set_ptes __pte_alloc contpte_set_ptes pte_alloc_one "
                          "___pte_offset_map native_set_pte",
    "VMA copy and mappings": "dup_mmap vm_area_dup mas_store anon_vma_fork anon_vma_clone __mt_dup "
                             "unlink_anon_vmas vma_interval_tree_insert __vma_adjust do_mmap",
    "small allocations": "kmem_cache_alloc_noprof kmem_cache_free ___slab_alloc kfree",
    "scheduler and waiting": "__schedule pick_next_task_fair try_to_wake_up finish_task_switch "
                             "futex_wait __switch_to_asm wake_up_new_task cpu_switch_to",
    "exit and wait": "do_exit release_task wait_consider_task __mmdrop exit_notify",
    "making a task": "copy_process dup_task_struct dup_fd alloc_pid copy_thread cgroup_can_fork",
    "exec": "load_elf_binary begin_new_exec copy_strings bprm_execve setup_arg_pages",
    "page cache and disk": "filemap_map_pages next_uptodate_folio filemap_read shmem_fault "
                           "set_pte_range",
    "files and paths": "link_path_walk __d_lookup_rcu do_dentry_open filp_close ext4_file_open",
    "locks, RCU, lists, trees": "_raw_spin_lock _raw_spin_unlock_irqrestore __rcu_read_lock "
                                "queued_spin_lock_slowpath down_write rwsem_down_write_slowpath",
    "the profile itself": "perf_event_mmap perf_iterate_sb __output_copy",
    "hooks": "security_vm_enough_memory_mm htab_map_update_elem bpf_lsm_task_alloc",
    "mitigations": "__x86_indirect_thunk_rax srso_alias_return_thunk __x86_return_thunk",
    "interrupts and timers": "handle_softirqs asm_sysvec_apic_timer_interrupt hrtimer_interrupt",
    OTHER: "frobnicate unknown strnlen",
}


@pytest.mark.parametrize("group", KNOWN)
def test_known_functions_are_in_their_groups(group, ours):
    assert {name: ours.of(name) for name in KNOWN[group].split()} == dict.fromkeys(
        KNOWN[group].split(), group)


def test_what_the_compiler_adds_does_not_matter(ours):
    for name in ("copy_page_range", "finish_task_switch", "clear_page"):
        for form in ("{}.isra.0", "{}.constprop.0.isra.1", "{}.part.0", "{}.cold", "__pi_{}",
                     "{}.llvm.123", "{} [module]"):
            assert ours.of(form.format(name)) == ours.of(name) != OTHER


def test_every_group_of_ours_has_a_part_that_the_figure_has(ours):
    assert {g.part for g in ours.groups.values()} | {ours.user_part} <= set(ours.parts)
    assert list(ours.groups)[-1] == OTHER


def test_the_first_match_wins_and_the_whole_name_must_match(tmp_path):
    (tmp_path / "t.toml").write_text(TABLE)
    table = functions.read(tmp_path / "t.toml")
    assert [table.of(f) for f in ("copy_page", "clear_bss", "clear_page", "my_copy_page")] == [
        "first", "second", OTHER, OTHER]


WRONG = {
    "no TOML": ("[[group]", "is no table of kernel functions"),
    "nothing in it": ("", "has no [[group]]"),
    "no name": ('[[group]]\nabout = "a"\nfunctions = ["a"]', "group 1 has no name"),
    "no functions": ('[[group]]\nname = "a"\nabout = "a"', "group 1 (a) has no list of patterns"),
    "a pattern is a number": ('[[group]]\nname = "a"\nabout = "a"\nfunctions = [1]', "patterns"),
    "a word mistyped": (TABLE.replace("about", "abuot", 1), "keys that mean nothing: abuot"),
    "one name twice": (TABLE.replace("second", "first"), "group 2 (first) has a name"),
    "the name of the rest": (TABLE.replace("second", OTHER), "stands for the rest"),
    "an unknown part": (TABLE.replace('"copy"\n', '"copying"\n'), "'copying' in 'fault'"),
    "a part of user code": ('user_code = "x"\n' + TABLE, "'x' in 'user_code'"),
    "parts are text": (TABLE.replace('["copy"]', '"copy"', 1), "fault_parts"),
    "group is a table": ('group = {}', "has no [[group]]"),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_wrong_table_is_named_with_the_reason(what, tmp_path):
    text, reason = WRONG[what]
    (tmp_path / "wrong.toml").write_text(text)
    with pytest.raises(InputError) as error:
        functions.read(tmp_path / "wrong.toml")
    assert "wrong.toml: is no table" in str(error.value) and reason in str(error.value)


def test_a_table_that_is_not_there(tmp_path):
    with pytest.raises(InputError, match="none.toml: cannot be read: No such file"):
        functions.read(tmp_path / "none.toml")


def test_shares_add_up_to_all_samples(run):
    for s in functions.sampled(run):
        for divided in (run.groups.divide(s.profile), run.groups.fault_parts(s.profile)):
            assert sum(map(s.share, divided.values())) == pytest.approx(1)
        if s.ns is not None:
            assert sum(map(s.cost, run.groups.divide(s.profile).values())) == pytest.approx(s.ns)


def test_an_unknown_function_is_other_and_other_is_always_said(run):
    divided = run.groups.divide(run.cases[COW].profile)
    assert divided[OTHER] == 5 * 40  # 2% of 2,000 in each of 5 rounds: frobnicate
    assert divided[USER] == sum(run.cases[COW].profile.images.values())
    (name,) = [n for n in run.cases if n.startswith("copy-page/")]
    assert run.groups.divide(run.cases[name].profile)[OTHER] == 0


def test_touches_are_per_fault_or_page_and_creations_are_one(run):
    size = synthetic.HEAPS["256MiB"]
    assert Work.of(run.cases[COW], 4096) == Work(size / 4096, "fault")
    (copy,) = [c for n, c in run.cases.items() if n.startswith("copy-page/")]
    assert Work.of(copy, 4096) == Work(size / 4096, "page")
    thp = next(c for n, c in run.cases.items() if n.startswith("first-touch/") and "thp" in n)
    assert Work.of(thp, 4096) == Work(size / 2**21, "fault")
    fork = run.cases["fork/path:fork/heap:1GiB/placement:other-cpu"]
    assert Work.of(fork, 4096) == Work(1.0, "operation")
    s = Sampled.of(run.cases[COW], 4096)
    assert s.ns == pytest.approx(2100 * 1.6, rel=0.05)
    assert s.cost(s.profile.functions["copy_mc_enhanced_fast_string"]) == pytest.approx(
        0.31 * s.ns)
    assert Sampled.of(fork, 4096).ns == pytest.approx(26.2e6, rel=0.05)


def of_fork(made, **keywords):
    """The Sampled of an empty fork, of which total_ns is about 68 us."""
    maker = synthetic.Maker(rounds=3, samples=5).fork(paths=("fork",), heaps={"0": 0})
    synthetic_counts.profiled(maker, **keywords)
    (s, *_) = functions.sampled(made(maker))
    return s


def test_the_median_is_divided_up_where_the_samples_say_the_same(made):
    s = of_fork(made)
    assert s.ns == s.case.quantities["total_ns"].quantile(0.5)
    assert s.title.endswith("per operation (total_ns, median)")


@pytest.mark.parametrize("times", [0.2, 2.0])
def test_what_waits_or_runs_side_by_side_is_divided_up_as_it_ran(times, made):
    """A child that waits is not sampled; two that run at a time are sampled twice."""
    median = of_fork(made).ns
    operations = round(2000 * synthetic_counts.PERIOD / median / times)
    s = of_fork(made, operations=operations)
    assert s.ns == pytest.approx(times * median, rel=0.1)
    assert "sampled: total_ns is " in s.title


def test_a_clock_has_the_time_of_what_was_not_measured(made):
    s = of_fork(made, quantity="cpu_ns")
    assert s.ns == pytest.approx(of_fork(made).ns, rel=0.1) and "(sampled)" in s.title


@pytest.mark.parametrize("keywords, reason", [
    ({"event": "instructions:k"}, "instructions:k is no time"),
    ({"event": "cycles:k", "quantity": "cpu_ns"}, "cpu_ns was not measured"),
])
def test_without_a_time_there_are_shares_and_no_zeros(keywords, reason, made):
    s = of_fork(made, unit="1", period=1000003, **keywords)
    assert s.ns is None and s.cost(10) is None and s.title == f"{reason}: shares only"


def test_the_statement_says_what_a_profile_cannot(run, made):
    said = functions.statement(functions.sampled(run)).replace(NBSP, " ")
    assert re.match(r"cpu-clock, one sample every 100 µs: [\d,]+ samples of \d+ cases, 0 lost,",
                    said)
    assert "interrupts are off" in said and "first period" not in said
    maker = synthetic.Maker(rounds=1, samples=3).fork(paths=("fork",), heaps={"0": 0})
    synthetic_counts.profiled(maker, event="cycles", unit="1", period=1000003, scope="family",
                              child_end_sampled=False)
    said = functions.statement(functions.sampled(made(maker)))
    assert "every 1,000,003 events" in said and "interrupts" not in said
    assert "first period is in no profile" in said and "teardown" in said


def test_the_forks_figure_keeps_every_share(run):
    sampled, groups = fork_functions.shares(run)
    assert list(sampled) == sorted(synthetic.HEAPS.values())
    for at in range(len(sampled)):
        assert sum(of[at] for of in groups.values()) == pytest.approx(1)
    assert groups["page-table copy"][-1] > 0.3 > groups["page-table copy"][0]
    assert list(groups)[-2:] == [fork_functions.SMALLER, OTHER]
    drawing = fork_functions.draw(run)
    common.plt.close(drawing.figure)
    assert "page-table copy" in drawing.message


def test_the_parts_of_a_fault_add_up_to_it(run):
    rows = cow_fault.found(run)
    assert [label for label, *_ in rows][:2] == ["first write after fork, 4k",
                                                 "first write after fork, thp"]
    assert not any("memcpy" in label or label.endswith("memory, thp") for label, *_ in rows)
    for _, s, parts in rows:
        assert sum(map(s.cost, parts.values())) == pytest.approx(s.ns)
    _, s, parts = rows[0]
    assert s.share(parts["copy"]) == 0.31
    drawing = cow_fault.draw(run)
    common.plt.close(drawing.figure)
    assert re.search(r"copying the page is .* \(31%\)", drawing.message)


def test_figures_say_why_there_is_no_profile(made):
    maker = synthetic.Maker(rounds=3, samples=5).fork(paths=("fork",)).cow()
    run = made(maker)
    assert fork_functions.draw(run).endswith("measure with forkcost-run --profile")
    assert cow_fault.draw(run).endswith("measure with forkcost-run --profile")
    for entry in maker.benchmarks:
        entry["profile"] = {"reason": "kernel.perf_event_paranoid is 2"}
    run = made(maker)
    assert fork_functions.draw(run).endswith("paranoid is 2")
    assert cow_fault.draw(run).endswith("paranoid is 2")


@pytest.fixture
def file(tmp_path):
    maker = synthetic.Maker(rounds=3, samples=5).fork(paths=("fork",), backings=("4k",))
    return write(synthetic_counts.everything(maker).document(), tmp_path / "run.json")


def test_functions_prints_groups_then_functions(file):
    result = call("functions", file, "heap:1GiB", "--top", 3)
    assert result.exit_code == 0, result.stderr
    text = result.stdout
    assert text.index("page-table teardown") < text.index("copy_page_range")
    assert re.search(r"other +1\.0%", text)
    assert re.search(r"\d+ more +\d", text)
    assert text.count("fork/path:fork/") == 1 and "vm_normal_page" in text
    shares = [float(s) for s in re.findall(r"([\d.]+)%  ", text[text.index("function "):])]
    assert sum(shares) == pytest.approx(100, abs=0.3)


def test_functions_as_json(file):
    found = json.loads(call("functions", file, "heap:1GiB", "--json").stdout)
    (case,) = found
    assert sum(g["share"] for g in case["groups"]) == pytest.approx(1)
    assert sum(f["samples"] for f in case["functions"] + case["images"]) == case["samples"]
    assert sum(f["ns"] for f in case["functions"] + case["images"]) == pytest.approx(case["ns"])
    groups = {f["name"]: f["group"] for f in case["functions"]}
    assert groups["copy_page_range"] == "page-table copy"
    first = json.loads(call("functions", file, "--json", "--top", 2).stdout)[0]
    assert len(first["functions"]) == 2


def test_another_table_replaces_ours(file, tmp_path):
    (tmp_path / "t.toml").write_text(TABLE)
    found = json.loads(call("functions", file, "heap:1GiB", "--json", "--functions",
                            tmp_path / "t.toml").stdout)
    assert {g["name"] for g in found[0]["groups"]} == {"first", OTHER, USER}
    result = call("report", file, "-o", tmp_path / "out", "--functions", tmp_path / "t.toml")
    assert result.exit_code == 0
    assert '<td class="group">first' in (tmp_path / "out" / "index.html").read_text()


@pytest.mark.parametrize("words, status, said", [
    (["("], 2, "is no regular expression"),
    (["nowhere"], 2, "is in the name of no case"),
    (["--top", "0"], 2, "--top"),
    (["--functions", "none.toml"], 2, "none.toml: cannot be read"),
])
def test_wrong_calls(file, words, status, said):
    result = call("functions", file, *words)
    assert result.exit_code == status and said in result.stderr


def test_a_wrong_table_stops_a_report_before_any_work(file, tmp_path):
    (tmp_path / "wrong.toml").write_text("[[group]]")
    result = call("report", file, "-o", tmp_path / "out", "--functions", tmp_path / "wrong.toml")
    assert result.exit_code == 2 and not (tmp_path / "out").exists()


def test_no_profile_is_status_3_with_the_reason(tmp_path):
    maker = synthetic.Maker(rounds=1, samples=3).fork(paths=("fork",), heaps={"0": 0})
    result = call("functions", write(maker.document(), tmp_path / "run.json"))
    assert result.exit_code == 3 and "--profile" in result.stderr
    for entry in maker.benchmarks:
        entry["profile"] = {"reason": "kernel.kptr_restrict is 2"}
    result = call("functions", write(maker.document(), tmp_path / "run.json"))
    assert result.exit_code == 3 and "kptr_restrict is 2" in result.stderr


def test_the_page_has_the_functions_on_demand(run, tmp_path):
    from forkcost import report
    text = report.write(run, tmp_path / "report").read_text(encoding="utf-8")
    assert text.count('<details class="case">') == len(functions.sampled(run)) + sum(
        isinstance(c.profile, str) and counters.counted(c) is not None for c in run.cases.values())
    assert '<tr><th scope="row">copy_mc_enhanced_fast_string<td>31%' in text
    assert "copying 31%" in text and "other 2.0%" in text
