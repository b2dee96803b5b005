"""Files of several boots of two kernels, as forkcost-board and forkcost kernels leave them."""

import pytest

from forkcost.compare import sides
from forkcost.compare.phrases import statement
from test_compare import call, changed, compared, files, maker


def boot(seed, boot_id, factor=1.0, **label):
    document = maker(seed, factor, rounds=4, noise=0.002, heaps={"0": 0}).document()
    changed(document, "run.label", label)
    return document if boot_id is None else changed(document, "environment.kernel.boot_id", boot_id)


def boots(ids, factor=(1.0, 1.0)):
    """Three documents of A, then three of B; `ids`: a letter per boot."""
    return [boot(i, letter, factor[i // 3], kernel="AB"[i // 3], boot=str(i % 3 + 1))
            for i, letter in enumerate(ids)]


def of_laboratory(document, mode):
    document["context"]["forkcost"]["laboratory"] = {"mode": mode, "kernel": "bzImage", "arch": "x86_64"}
    return document


def test_a_boot_is_the_unit_and_it_is_said_how_many_there_were(tmp_path):
    paths = files(tmp_path, *boots("abcdef", (1.0, 1.2)))
    found = compared(paths[:3], paths[3:])
    assert "The unit of replication is the boot (3 of base, 3 of new)." in statement(found)
    assert "What runs differ by is in each interval" not in statement(found), "the boots differ by it"
    assert (found.base.boots, found.new.boots) == (3, 3) and found.exit_status() == 1
    assert found.base.says.startswith("kernel=A, 6.18") and ", 3 boots, " in found.base.says
    assert found.new.says.startswith("kernel=B, ") and found.warnings == ()
    said = call(*(f"{'AB'[i // 3]}={path}" for i, path in enumerate(paths)))
    assert said.exit_code == 1 and "B: kernel=B, 6.18.0-synthetic, 3 boots, " in said.stdout


@pytest.mark.parametrize("ids, warned, unit, says", [
    ("aabcde", ["base"], "the file in base, the boot in new", "3 files of 2 boots"),
    ("aaabcb", ["base", "new"], "the file", "3 files, "),
    # Of one boot all of them, as of two settings: what boots differ by is in no difference.
    ("aaaaaa", [], "the file", "3 files, "),
    ("abcabc", [], "the boot (3 of base, 3 of new)", "3 boots"),
    # Nobody knows.
    (["a", "a", None, "b", "c", "d"], [], "the file in base, the boot in new", "3 files, "),
])
def test_two_files_of_one_boot_are_warned_about(tmp_path, ids, warned, unit, says):
    paths = files(tmp_path, *boots(ids))
    found = compared(paths[:3], paths[3:])
    told = [w for w in found.warnings if "are of one boot" in w]
    assert [w.partition(":")[0] for w in told] == warned
    assert not told or f"{paths[0]} and {paths[1]} are of one boot" in told[0]
    assert f"The unit of replication is {unit}." in statement(found) and says in found.base.says


def test_labels_of_one_side_are_the_same_but_for_the_boot(tmp_path):
    paths = files(tmp_path, *boots("abcdef"))
    found = compared([*paths[:2], paths[3]], paths[4:])
    assert [w for w in found.warnings if "label" in w] == [
        f"base: {paths[3]} differs from {paths[0]}: label: kernel A and kernel B"]
    assert not any("label" in w for w in compared(paths[:3], paths[3:]).warnings)
    some = files(tmp_path, boot(1, "a", kernel="A"), boot(2, "b"), boot(3, "c"))
    assert any("label: kernel A and kernel absent" in w for w in compared(some[:2], some[2]).warnings)


@pytest.mark.parametrize("mode, n_boots", [("exact", 3), ("tcg", 3), ("kvm", 3), ("host", 1)])
def test_each_file_of_the_laboratory_is_a_boot(tmp_path, mode, n_boots):
    """In mode exact their ids are the same, as chance is; what ran on the host was not booted."""
    paths = files(tmp_path, *(of_laboratory(boot(i, "a"), mode) for i in range(3)))
    assert sides.read("x", paths).side.boots == n_boots
    assert sides.read("x", paths[:1]).side.boots == 1
