"""Work spread over forked processes, which have all that is loaded without a copy of it.

ProcessPoolExecutor was tried: 66 lines in place of 80, with a thread, ctypes for what ends orphans
(PR_SET_PDEATHSIG), and no word about which signal ended a process."""

import os
import pickle
import signal

from forkcost.errors import NoAnswer

MOST = 4  # each writes to a part of the memory that it shares at first
_PARTS = 16  # of many items: few, as each costs a little, but none that others would wait for
_spreading = False


def cpus():
    """Those that we may use."""
    return len(os.sched_getaffinity(0))


def spread(work, count, told=lambda i: None):
    """[work(0), …, work(count - 1)], at most 256 of them, made by as many processes as there are
    CPUs: each takes the next that nobody has. What `work` returns must not depend on what it did
    before, and is pickled. `told`: is called with what this process makes next, once the others
    are there. What raises in another process is done once more here, where the exception goes its
    way. Raises NoAnswer where a process was ended by somebody else."""
    global _spreading
    if _spreading:  # all CPUs have work
        return [work(i) for i in range(count)]
    queue, filled = os.pipe()
    os.write(filled, bytes(range(count)))
    os.close(filled)  # so that it ends
    helpers, _spreading = {}, True
    try:
        for _ in range(min(cpus(), count, MOST) - 1):
            _start(helpers, work, queue)
        found = dict(_taken(work, queue, told))
        for pid in list(helpers):
            found |= _results(pid, helpers)
    finally:
        _spreading = False
        os.close(queue)
        for pid, file in helpers.items():
            file.close()
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
    return [found[i] if i in found else work(i) for i in range(count)]


def in_parts(work, items):
    """[…] of all lists that `work` returns for an item, in the order of the items, by `spread`."""
    size = -(-len(items) // _PARTS) or 1
    parts = [items[i:i + size] for i in range(0, len(items), size)]
    made = spread(lambda i: [row for item in parts[i] for row in work(item)], len(parts))
    return [row for part in made for row in part]


def _taken(work, queue, told):
    while item := os.read(queue, 1):
        told(item[0])
        yield item[0], work(item[0])


def _live_with(parent):
    """Ends us once it was killed: nobody wants our work."""
    if os.getppid() != parent:
        os._exit(1)


def _start(helpers, work, queue):
    parent, file = os.getpid(), open(os.memfd_create("forkcost"), "w+b")
    # A KeyboardInterrupt must not get a child out of here, nor a parent that does not know it yet.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        pid = os.fork()
        if pid:
            helpers[pid] = file
            return
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # the parent says what there is to say
    except OSError:  # no room for one more: those that there are do it
        file.close()
        return
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    # No way out but _exit: the stack above is the parent's, so are its buffers and files.
    try:
        found = {}
        try:
            for item, made in _taken(work, queue, lambda _: _live_with(parent)):
                found[item] = made
        except Exception:  # the parent meets it too
            pass
        pickle.dump(found, file, pickle.HIGHEST_PROTOCOL)
        file.flush()
        os._exit(0)
    finally:
        os._exit(1)


def _results(pid, helpers):
    """What a helper made, once it has ended."""
    _, status = os.waitpid(pid, 0)
    with helpers.pop(pid) as file:
        if status:
            code = os.waitstatus_to_exitcode(status)
            how = f"signal {-code} ended it" if code < 0 else "it ended without its results"
            raise NoAnswer(f"process {pid}, which did a part of the work: {how}: was memory short? "
                           "Once more, or on one CPU, where there is no such process: taskset -c 0 "
                           "forkcost …")
        file.seek(0)
        return pickle.load(file)
