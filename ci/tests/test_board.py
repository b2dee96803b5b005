"""forkcost-board on a board that is made up: its kernels, its boot loader and its power are here, and
what it calls are stand-ins. test_vm_board.py boots for real."""

import gzip
import json
import os
import pathlib
import struct
import subprocess
import uuid

import pytest

PROGRAM = pathlib.Path(__file__).resolve().parents[1] / "forkcost-board"
OLD, NEW, DEFAULT = "6.1.0-old", "6.12.0-new", "5.10.0-default"
WORDS = ("--filter", "^fork/ it's $HOME", "--rounds", "2")

# What forkcost-board calls. $made_up is the directory of all that the board is.
STAND_INS = {
    "uname": 'cat "$made_up/uname$1"',
    "id": 'cat "$made_up/uid"',
    "sync": ":",
    "stat": "echo ext2/ext3",  # the tests' own directory may be in memory
    "sleep": 'echo "$1" >>"$made_up/slept"',
    "kexec": '''case "$*" in
        *-l*) if [ -e "$made_up/locked" ]; then echo "kexec_file_load failed: Operation not permitted" >&2; exit 255; fi
              printf '%s\\n' "$@" >"$made_up/loaded" ;;
        -e) echo kexec >"$made_up/went" ;;
      esac''',
    "reboot": 'echo reboot >"$made_up/went"',
    "systemctl": 'echo "systemctl $*" >>"$made_up/calls"; echo "$2" >"$made_up/went"',
    "grub-reboot": 'echo "grub-reboot $*" >>"$made_up/calls"; echo "$1" >"$made_up/once"',
    "grub-editenv": '''echo "grub-editenv $*" >>"$made_up/calls"
      case $2 in
        list) if [ -e "$made_up/once" ]; then echo "next_entry=$(cat "$made_up/once")"; fi ;;
        unset) rm "$made_up/once" ;;
      esac''',
    "bootctl": '''echo "bootctl $*" >>"$made_up/calls"
      case $1 in
        is-installed) if [ -e "$made_up/systemd-boot" ]; then echo yes; else echo no; exit 1; fi ;;
        set-oneshot) echo "$2" >"$made_up/once" ;;
      esac''',
    "forkcost-run": '''out= labels=
      for word; do
        case $before in --out) out=$word ;; --label) labels="$labels $word" ;; esac
        case $word in --nonsense) echo "forkcost-run: --nonsense: no such flag" >&2; exit 2 ;; --list) exit 0 ;; esac
        before=$word
      done
      printf '%s\\n' "$@" >"$made_up/words"
      if [ -e "$made_up/ends" ]; then echo "it ends"; status=$(cat "$made_up/ends"); else status=0; fi
      if [ "$status" -gt 1 ]; then exit "$status"; fi
      printf '{"release": "%s", "labels": "%s"}\\n' "$(uname -r)" "$labels" >"$out"
      exit "$status"''',
}


def image(path, release, version="#1 SMP now"):
    """As far as anybody reads it: x86's boot protocol has where the text is, less 0x200."""
    text = 0x300
    head = bytearray(0x400)
    head[0x202:0x206] = b"HdrS"
    head[0x20E:0x210] = struct.pack("<H", text - 0x200)
    banner = f"{release} (me@here) {version}".encode() + b"\0"
    head[text:text + len(banner)] = banner
    path.write_bytes(bytes(head))


def notes(number):
    """/sys/kernel/notes: another note, and the build id."""
    return (struct.pack("<III", 4, 4, 1) + b"Xen\0" + b"none" + struct.pack("<III", 4, 20, 3) + b"GNU\0"
            + bytes([number] * 20))


class Board:
    def __init__(self, directory):
        self.top = directory / "top"
        self.dir = directory / "turns"
        for name in ("proc/sys/kernel/random", "sys/kernel", "bin"):
            (self.top / name).mkdir(parents=True)
        for name, text in STAND_INS.items():
            path = self.top / "bin" / name
            path.write_text(f"#!/bin/sh\n{text}\n")
            path.chmod(0o755)
        self.put("uid", "0\n")
        self.kernels = {}
        for number, (name, release) in enumerate((("A", OLD), ("B", NEW), ("default", DEFAULT))):
            image(self.top / name, release)
            self.kernels[str(self.top / name)] = (release, "#1 SMP now", number)
        (self.top / "initrd").write_text("i")
        self.entries = {"old entry": str(self.top / "A"), "new entry": str(self.top / "B")}
        self.boot(str(self.top / "default"), "BOOT_IMAGE=/default root=/dev/x quiet")

    def put(self, name, text):
        (self.top / name).write_text(text)

    def boot(self, path, line):
        release, version, number = self.kernels[path]
        self.put("uname-r", release + "\n")
        self.put("uname-v", version + "\n")
        self.put("proc/cmdline", line + "\n")
        self.put("proc/uptime", "100.25 200.10\n")
        self.put("proc/sys/kernel/random/boot_id", f"{uuid.uuid4()}\n")
        (self.top / "sys/kernel/notes").write_bytes(notes(number))

    def power_on(self):
        """By the boot loader: the entry that it was told to boot once, or the default one."""
        once = self.top / "once"
        if once.exists():
            entry = once.read_text().strip()
            once.unlink()
            self.boot(self.entries[entry], f"BOOT_IMAGE=/{entry} root=/dev/x".replace(" entry", ""))
        else:
            self.boot(str(self.top / "default"), "BOOT_IMAGE=/default root=/dev/x quiet")

    def call(self, *words):
        environment = {"PATH": f"{self.top}/bin:{os.environ['PATH']}", "made_up": str(self.top), "LC_ALL": "C",
                       "FORKCOST_BOARD_ROOT": str(self.top), "FORKCOST_RUN": f"{self.top}/bin/forkcost-run"}
        return subprocess.run([PROGRAM, *map(str, words)], env=environment, capture_output=True, text=True,
                              timeout=30, check=False)

    def plan(self, *words, run=(), boots=3):
        return self.call("plan", self.dir, "--kernel", f"A={self.top}/A", "--kernel", f"B={self.top}/B",
                         "--boots", boots, *words, *(("--", *run) if run else ()))

    def next(self):
        """One call, and where the board went: `kexec`, `reboot` or None."""
        (self.top / "went").unlink(missing_ok=True)
        done = self.call("next", self.dir)
        went = self.top / "went"
        return done, went.read_text().strip() if went.exists() else None

    def step(self):
        """One call, and the boot that it leads to."""
        done, went = self.next()
        if went == "kexec":
            self.kexec()
        elif went == "reboot":
            self.power_on()
        return done, went

    def kexec(self):
        loaded = (self.top / "loaded").read_text().splitlines()
        assert loaded[:2] == ["-a", "-l"]
        [line] = [word.partition("=")[2] for word in loaded if word.startswith("--command-line=")]
        self.boot(loaded[2], line)

    def to_the_end(self):
        """The last call's outcome, once nothing is booted any more."""
        for _ in range(50):
            done, went = self.step()
            if went is None or (self.dir / "board/done").exists():
                return done
        raise AssertionError(self.log)

    @property
    def log(self):
        return (self.dir / "board/log").read_text()

    @property
    def order(self):
        """The labels in the order in which they were measured."""
        return "".join(line.rpartition(" of ")[2][0] for line in self.log.splitlines() if ": measures boot " in line)

    @property
    def results(self):
        """{label/file: (release that ran, labels)}"""
        return {f"{path.parent.name}/{path.name}": tuple(json.loads(path.read_text()).values())
                for path in sorted(self.dir.glob("[AB]/*.json"))}

    @property
    def calls(self):
        path = self.top / "calls"
        return path.read_text().splitlines() if path.exists() else []


@pytest.fixture
def board(tmp_path):
    return Board(tmp_path)


def planned(board, *words, **options):
    done = board.plan(*words, **options)
    assert done.returncode == 0, done.stderr
    return board


@pytest.mark.parametrize("boots, order", [(3, "ABBAAB"), (4, "ABBAABBA"), (5, "ABBAABBAAB")])
def test_boots_take_turns_and_each_measures_one_run(board, boots, order):
    planned(board, boots=boots, run=WORDS)
    done = board.to_the_end()
    assert done.returncode == 0 and board.order == order, done.stderr + board.log
    assert board.results == {
        f"{label}/boot-{n}.json": (release, f" kernel={label} boot={n}")
        for label, release in (("A", OLD), ("B", NEW)) for n in range(1, boots + 1)}
    words = (board.top / "words").read_text().splitlines()
    assert words[:4] == list(WORDS)
    assert f"forkcost compare A={board.dir}/A B={board.dir}/B" in done.stderr
    # The board is in its default kernel again, and stays there.
    assert (board.top / "uname-r").read_text().strip() == DEFAULT
    again, went = board.next()
    assert (again.returncode, went) == (0, None) and "all is measured" in again.stderr
    assert f"B={board.dir}/B" in board.call("status", board.dir).stdout


def test_the_usual_plan_is_five_boots_of_the_gate(board):
    done = board.call("plan", board.dir, "--kernel", f"A={board.top}/A", "--kernel", f"B={board.top}/B")
    assert done.returncode == 0 and "10 boots, by kexec, 5 each of A (6.1.0-old) and B" in done.stderr
    assert "forkcost-run --preset gate" in done.stderr
    assert (board.dir / "board/words").read_text() == "--preset\ngate\n"
    assert "next: boot 1 of A, by kexec" in board.call("status", board.dir).stdout


def test_kexec_gets_image_initramfs_and_command_line(board):
    planned(board, "--initrd", f"B={board.top}/initrd", "--append", "B=nokaslr  panic=5", "--command-line",
            "A=root=/dev/y ro")
    board.step()
    assert (board.top / "loaded").read_text().splitlines()[2:] == [
        f"{board.top}/A", "--command-line=root=/dev/y ro panic=30 forkcost.kernel=A"]
    board.step()
    # Of the running kernel's, not of A's.
    assert (board.top / "loaded").read_text().splitlines()[2:] == [
        f"{board.top}/B", f"--initrd={board.top}/initrd",
        "--command-line=root=/dev/x quiet nokaslr panic=5 forkcost.kernel=B"]


def test_a_plan_made_under_an_earlier_one_s_kernel_has_not_its_label(board):
    board.boot(str(board.top / "default"), "initrd=\\x root=/dev/x forkcost.kernel=B quiet")
    planned(board)
    board.next()
    assert "--command-line=root=/dev/x quiet panic=30 forkcost.kernel=A" in (board.top / "loaded").read_text()


def test_systemd_takes_the_system_down(board):
    planned(board)
    (board.top / "run/systemd/system").mkdir(parents=True)
    board.to_the_end()
    assert set(board.calls) == {"systemctl --no-block kexec", "systemctl --no-block reboot"}
    assert board.calls.count("systemctl --no-block reboot") == 1 and board.order == "ABBAAB"


def test_a_kernel_that_does_not_come_up_is_tried_three_times_and_never_mislabelled(board):
    planned(board)
    for attempt in (1, 2, 3):
        done, went = board.next()
        assert went == "kexec" and f"try {attempt} of 3" in done.stderr
        board.power_on()  # it hung, and somebody pressed reset
    done, went = board.next()
    assert done.returncode == 3 and went is None and "boot 1 of A was tried 3 times" in done.stderr
    assert f"boot 1 of A was meant, but this is {DEFAULT}" in board.log
    assert board.results == {} and board.order == ""
    done, went = board.next()
    assert done.returncode == 3 and went is None and f"rm {board.dir}/board/stopped" in done.stderr
    assert "stopped: boot 1 of A" in board.call("status", board.dir).stdout
    # Somebody has mended it.
    (board.dir / "board/stopped").unlink()
    assert board.to_the_end().returncode == 0 and board.order == "ABBAAB"


def by_hand(board):
    board.boot(str(board.top / "A"), "root=/dev/x quiet panic=30")
    return f"this {OLD} was not started by forkcost-board"


def another_build(board):
    board.kernels[str(board.top / "A")] = (OLD, "#2 SMP later", 0)
    board.kexec()
    return f"this is {OLD}, built as '#2 SMP later', not as '#1 SMP now'"


def the_other_kernel(board):
    board.boot(str(board.top / "B"), "root=/dev/x quiet panic=30 forkcost.kernel=A")
    return f"this is {NEW}"


@pytest.mark.parametrize("came_up", [by_hand, another_build, the_other_kernel])
def test_another_kernel_than_was_meant_is_not_measured(board, came_up):
    planned(board)
    board.next()
    why = came_up(board)
    done, went = board.next()
    assert f"boot 1 of A was meant, but {why}" in done.stderr and went == "kexec" and board.results == {}


def test_a_label_is_one_kernel_in_all_of_its_boots(board):
    """A build of the same name and date: the build id alone tells them apart."""
    planned(board)
    for _ in range(3):
        board.step()
    assert board.order == "AB"
    (board.top / "sys/kernel/notes").write_bytes(notes(9))
    done, went = board.next()
    assert "not what booted under that label before" in done.stderr and "build id 0909" in done.stderr
    assert went == "kexec" and board.order == "AB"


def test_the_same_boot_once_more_measures_nothing(board):
    """The kernel was loaded, and the board did not go down."""
    planned(board)
    board.next()
    done, went = board.next()
    assert "this is still the boot before it" in done.stderr and went == "kexec" and board.results == {}


def test_a_power_cut_while_it_measures(board):
    planned(board)
    board.step()
    board.put("ends", "143")  # what a shutdown looks like; the state is the same after a power cut
    done, went = board.next()
    assert done.returncode == 3 and went is None and "interrupted" in done.stderr
    (board.top / "ends").unlink()
    board.power_on()
    assert board.to_the_end().returncode == 0
    assert "boot 1 of A ended while it was measured, and is measured anew" in board.log
    assert board.order == "AABBAAB" and len(board.results) == 6
    assert "--force" in (board.top / "words").read_text().splitlines()  # over what is left of a journal


def test_a_run_that_cannot_be_stops_it(board):
    planned(board)
    board.step()
    board.put("ends", "3")
    done, went = board.next()
    assert done.returncode == 3 and went is None
    assert "forkcost-run ended with status 3 in boot 1 of A: it ends" in done.stderr


def test_cases_that_failed_are_told_at_the_end(board):
    planned(board)
    board.put("ends", "1")
    done = board.to_the_end()
    assert done.returncode == 1 and "in 6 of them cases failed" in done.stderr and len(board.results) == 6


def test_an_image_that_changed_is_not_booted(board):
    planned(board, "--initrd", f"B={board.top}/initrd")
    board.step()
    board.put("initrd", "another")
    done, went = board.next()
    assert done.returncode == 3 and went is None and f"{board.top}/initrd has changed" in done.stderr
    assert board.order == "A"


def entries(board):
    return planned(board, "--entry", "A=old entry", "--entry", "B=new entry")


def test_grub_boots_an_entry_once_where_kexec_is_locked(board):
    board.put("locked", "")
    entries(board)
    assert board.to_the_end().returncode == 0 and board.order == "ABBAAB"
    assert [call for call in board.calls if call.startswith("grub-reboot")] == [
        f"grub-reboot {'old' if label == 'A' else 'new'} entry" for label in "ABBAAB"]
    assert {call for call in board.calls if call.startswith("grub-editenv")} == {"grub-editenv - list"}
    assert (board.top / "uname-r").read_text().strip() == DEFAULT


def test_grub_that_cannot_clear_its_entry_stops_it(board):
    board.put("locked", "")
    entries(board)
    board.next()
    board.boot(str(board.top / "A"), "BOOT_IMAGE=/old root=/dev/x")
    assert (board.top / "once").exists()
    done, went = board.next()
    assert done.returncode == 3 and went is None and "GRUB did not clear its one-shot entry" in done.stderr
    assert not (board.top / "once").exists() and board.results == {}


def test_systemd_boot_boots_an_entry_once(board):
    board.put("locked", "")
    board.put("systemd-boot", "")
    entries(board)
    assert board.to_the_end().returncode == 0 and board.order == "ABBAAB"
    assert {call for call in board.calls if "is-installed" not in call} == {
        "bootctl set-oneshot old entry", "bootctl set-oneshot new entry"}


def test_entries_of_one_kernel_are_refused(board):
    """Nothing would tell which one has come up; kexec's command line does."""
    image(board.top / "B", OLD)
    done = board.plan("--by", "grub", "--entry", "A=old entry", "--entry", "B=new entry")
    assert done.returncode == 2 and f"both kernels are {OLD}" in done.stderr
    board.dir.joinpath("board").rmdir()
    board.kernels[str(board.top / "B")] = (OLD, "#1 SMP now", 0)
    planned(board, "--append", "B=mitigations=off")
    assert board.to_the_end().returncode == 0 and board.order == "ABBAAB"


def test_a_command_line_that_would_not_be_used_is_refused(board):
    board.put("locked", "")
    done = board.plan("--entry", "A=old entry", "--entry", "B=new entry", "--append", "B=nokaslr")
    assert done.returncode == 2 and "has its own command line: write what B gets into it" in done.stderr
    assert "Operation not permitted" in done.stderr and not (board.dir / "board/plan").exists()


def test_nothing_can_boot_another_kernel(board):
    board.put("locked", "")
    done = board.plan()
    assert done.returncode == 3 and "Operation not permitted" in done.stderr and "--entry A=NAME" in done.stderr
    assert not (board.dir / "board/plan").exists()


def test_an_image_outside_of_x86_tells_its_release(board):
    (board.top / "A").write_bytes(gzip.compress(b"\1\2Linux version %s\0\0Linux version 6.6.1-arm (me@here) # SMP\0"))
    (board.top / "B").write_bytes(b"\0Linux version 6.9.0 (me@here) (gcc) # SMP\n\0")
    done = board.plan()
    assert done.returncode == 0 and "of A (6.6.1-arm) and B (6.9.0)" in done.stderr
    # Its version is not in there, so the first boot says it.
    board.kernels[str(board.top / "A")] = ("6.6.1-arm", "#7 SMP now", 0)
    board.kernels[str(board.top / "B")] = ("6.9.0", "#8 SMP now", 1)
    assert board.to_the_end().returncode == 0 and board.order == "ABBAAB"


def test_a_board_settles_before_it_measures(board):
    planned(board, "--settle", 160)
    board.step()
    board.next()
    assert (board.top / "slept").read_text() == "60\n"


def test_a_crash_kernel_measures_nothing(board):
    planned(board)
    board.step()
    board.put("proc/vmcore", "")
    done, went = board.next()
    assert done.returncode == 3 and went is None and "crash dump" in done.stderr and board.results == {}


def test_one_at_a_time(board):
    planned(board)
    lock = board.dir / "board" / ("lock." + (board.top / "proc/sys/kernel/random/boot_id").read_text().strip())
    lock.mkdir()
    (lock / "pid").write_text(f"{os.getpid()}\n")
    done, went = board.next()
    assert done.returncode == 3 and went is None and f"at work (process {os.getpid()})" in done.stderr
    over = subprocess.Popen(["true"])
    over.wait()
    (lock / "pid").write_text(f"{over.pid}\n")
    done, went = board.next()
    assert went == "kexec" and not lock.exists()


def test_the_unit_calls_the_next_step_until_it_is_done(board):
    planned(board)
    text = board.call("unit", board.dir).stdout
    assert f"\nExecStart={PROGRAM} next {board.dir}\n" in text and "\nType=oneshot\n" in text
    for name, there in (("plan", ""), ("done", "!"), ("stopped", "!")):
        assert f"\nConditionPathExists={there}{board.dir}/board/{name}\n" in text


@pytest.mark.parametrize("status, says, words", [
    (2, "name both kernels", []),
    (2, "is none of plan, next, status, unit", None),
    (2, "there are two already, A and B", ["--kernel", "A=/a", "--kernel", "B=/b", "--kernel", "C=/c"]),
    (2, "there is no --kernel B=… before it", ["--kernel", "A=/a", "--initrd", "B=/b"]),
    (2, "write LABEL=VALUE", ["--kernel", "/a"]),
    (2, "cannot be a label", ["--kernel", "../A=/a"]),
    (2, "cannot be a label", ["--kernel", "board=/a"]),
    (2, "unknown argument '--bots'", ["--bots", "3"]),
    (2, "--boots needs a value", ["--boots"]),
    (2, "3 of each kernel or more", ["both", "--boots", "2"]),
    (2, "--boots many: is no number", ["both", "--boots", "many"]),
    (2, "--settle soon: is no number", ["both", "--settle", "soon"]),
    (2, "--by luck: say kexec", ["both", "--by", "luck"]),
    (2, "/none: there is no such file", ["both", "--initrd", "A=/none"]),
    (2, "say where it is from / on", ["both", "--initrd", "A=initrd"]),
    (2, "does not tell which release", ["--kernel", "A=/dev/null", "--kernel", "B=/dev/null"]),
    (2, "--kernel B=/c: B has one already", ["both", "--kernel", "B=/c"]),
    (2, "--out=x: is not for a run", ["both", "--", "--out=x"]),
    (2, "--nonsense: no such flag", ["both", "--", "--nonsense"]),
    (3, "there is no grub-reboot", ["both", "--by", "grub", "--entry", "A=a", "--entry", "B=b"]),
    (3, "systemd-boot is not what boots here: no",
     ["both", "--by", "systemd-boot", "--entry", "A=a", "--entry", "B=b"]),
    (3, "name its entry by --entry B=NAME", ["both", "--by", "grub", "--entry", "A=a"]),
    (3, "takes root", ["both", "user"]),
])
def test_wrong_calls(board, status, says, words):
    if words is None:
        done = board.call("boot", board.dir)
    else:
        if "user" in words:
            board.put("uid", "1000\n")
        (board.top / "bin/grub-reboot").unlink()
        (board.top / "blank").write_text("no kernel\n")
        both = ["--kernel", f"A={board.top}/A", "--kernel", f"B={board.top}/B"]
        words = [part for word in words if word != "user"
                 for part in (both if word == "both" else [word.replace("/dev/null", f"{board.top}/blank")])]
        done = board.call("plan", board.dir, *words)
    assert done.returncode == status and says in done.stderr, done.stderr
    assert not (board.dir / "board/plan").exists()


def test_a_directory_is_on_a_disk_has_a_plain_name_and_one_plan(board):
    planned(board)
    assert "has a plan already" in board.plan().stderr
    done = board.call("next", board.dir / "elsewhere")
    assert done.returncode == 2 and "there is none; forkcost-board plan" in done.stderr
    assert board.call("plan", f"{board.dir}/with space").returncode == 2
    (board.top / "bin/stat").unlink()
    board.dir = pathlib.Path("/dev/shm") / f"forkcost-{uuid.uuid4()}"
    done = board.plan()
    assert done.returncode == 2 and "is in memory, which no boot keeps" in done.stderr
    assert not board.dir.exists()
