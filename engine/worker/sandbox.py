"""What a freshly forked worker, or the helper of one, gives up before it touches anything of a visitor's.

`confine` is called once, in the child, and answers what it could do: `{protection: True or why not}`. What a host
cannot give (a user id of its own, when the server is not root) is reported, not silently assumed.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import tempfile
from collections.abc import Iterable

from engine.worker.limits import WorkerLimits
from engine.worker.walls import Outcome, allow_only_machine_calls, forbid_files, refuse_calls

_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4
_PR_SET_NO_NEW_PRIVS = 38

#: User ids of workers when the server is root: one each, so that no worker can signal or read another.
FIRST_UID = 40_000
UID_COUNT = 20_000
NOBODY = 65_534
NICENESS = 5

_libc = ctypes.CDLL(None, use_errno=True)


def _prctl(option: int, value: int) -> Outcome:
    # SAFETY: prctl with integer arguments touches no memory of ours.
    if _libc.prctl(option, value, 0, 0, 0) == 0:
        return True
    return os.strerror(ctypes.get_errno())


def close_other_descriptors(keep: Iterable[int]) -> None:
    """Close every descriptor except 0, 1, 2 and `keep`."""
    low = 3
    for descriptor in sorted(set(keep)):
        os.closerange(low, descriptor)
        low = max(low, descriptor + 1)
    os.closerange(low, resource.getrlimit(resource.RLIMIT_NOFILE)[0])


def _silence_standard_streams() -> None:
    """Standard input and output lead nowhere; standard error stays the server's log, for our own tracebacks."""
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(null, 1)
    os.close(null)


def _yield_to_others() -> Outcome:
    """Behind the web process for the processor, and before it when the host runs out of memory."""
    os.nice(NICENESS)
    try:
        descriptor = os.open("/proc/self/oom_score_adj", os.O_WRONLY)
        os.write(descriptor, b"1000")
        os.close(descriptor)
    except OSError as error:
        return str(error)
    return True


def _address_bytes_now() -> int:
    descriptor = os.open("/proc/self/statm", os.O_RDONLY)
    pages = int(os.read(descriptor, 200).split()[0])
    os.close(descriptor)
    return pages * resource.getpagesize()


def _limit_resources(limits: WorkerLimits, own_uid: bool) -> Outcome:
    """Set the rlimits; those that count memory are on top of what the warm process maps already."""
    mapped = _address_bytes_now()
    wanted = {
        resource.RLIMIT_CPU: (limits.cpu_s, limits.cpu_s + 1),
        resource.RLIMIT_AS: (mapped + limits.address_bytes,) * 2,
        resource.RLIMIT_DATA: (mapped + limits.data_bytes,) * 2,
        resource.RLIMIT_FSIZE: (limits.file_bytes,) * 2,
        resource.RLIMIT_NOFILE: (limits.open_files,) * 2,
        resource.RLIMIT_CORE: (0, 0),
        resource.RLIMIT_MEMLOCK: (1 << 20,) * 2,
        resource.RLIMIT_MSGQUEUE: (0, 0),
    }
    if own_uid:
        wanted[resource.RLIMIT_NPROC] = (limits.processes,) * 2
    refused = []
    for which, (soft, hard) in wanted.items():
        ceiling = resource.getrlimit(which)[1]
        if ceiling == resource.RLIM_INFINITY:
            ceiling = max(soft, hard)
        try:
            resource.setrlimit(which, (min(soft, ceiling), min(hard, ceiling)))
        except (ValueError, OSError) as error:
            refused.append(f"{which}: {error}")
    return "; ".join(refused) or True


def _drop_user(number: int, scratch: str | None) -> Outcome:
    """Become an unprivileged user, one of its own if the host has that many; only root can."""
    if os.geteuid() != 0:
        return "the server does not run as root: workers share its user"
    for uid in (FIRST_UID + number % UID_COUNT, NOBODY):
        try:
            if scratch is not None:
                os.chown(scratch, uid, uid)
            os.setgroups([])
            os.setresgid(uid, uid, uid)
            os.setresuid(uid, uid, uid)
        except OSError:
            continue
        return True if uid != NOBODY else "the host has no user id for each worker: they share one"
    return "the host lets no process change its user"


def confine(
    limits: WorkerLimits, number: int, empty: str, scratch: str | None, keep: Iterable[int], parent: int
) -> dict[str, Outcome]:
    """Confine the calling process, worker `number` or its helper, to the descriptors `keep`.

    A worker (`scratch` is None) stays in the folder `empty` without a file system; a helper gets a scratch folder and
    may run programs of the system. `parent` is the zygote's process id: if it is gone already, so are we.

    Nothing here goes through more of Python's library than it must: each page of it that is touched becomes the
    worker's own. Of signals, the zygote ignores SIGINT and leaves the others as they should be.
    """
    done: dict[str, Outcome] = {}
    os.setpgid(0, 0)
    _silence_standard_streams()
    close_other_descriptors(keep)
    if os.environ:
        os.environ.clear()
    os.umask(0o077)
    is_root = os.geteuid() == 0
    done["yields_to_others"] = _yield_to_others()
    done["resources"] = _limit_resources(limits, own_uid=is_root)
    done["user"] = _drop_user(number, scratch)
    os.chdir(scratch or empty)
    tempfile.tempdir = scratch or empty
    done["no_new_privileges"] = _prctl(_PR_SET_NO_NEW_PRIVS, 1)
    done["not_traceable"] = _prctl(_PR_SET_DUMPABLE, 0)
    # After the change of user, which clears it.
    done["dies_with_service"] = _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(0)
    done["files"] = forbid_files(scratch)
    done["system_calls"] = allow_only_machine_calls() if scratch is None else refuse_calls()
    return done
