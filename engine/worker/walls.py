"""The kernel's walls around a worker: landlock (which files) and seccomp (which system calls).

Neither has a wrapper in libc. Facts: the kernel's userspace-api/landlock.rst, userspace-api/seccomp_filter.rst and the
headers linux/landlock.h, linux/seccomp.h, linux/filter.h, asm/unistd_64.h, asm-generic/unistd.h.

A worker has no file system at all and only the system calls of engine/worker/calls.py. Its helper, which runs programs
of the system for it (engine/worker/outside.py), may read and execute those and write into its own scratch folder:
nothing else of the file system, no network, no other process. The filter of the helper refuses what such programs have
no use for; whatever it starts inherits both walls.
"""

from __future__ import annotations

import ctypes
import os
import platform
import struct
from collections.abc import Iterator

from engine.callfilter import ALLOW, EQUAL, KILL, LOAD, REFUSE, RETURN, STEP, put_up
from engine.worker.calls import worker_filter

Outcome = bool | str

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_VERSION_FLAG = 1
_PATH_BENEATH = 1

_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1, 2, 4, 8
_IOCTL_DEVICE = 1 << 15
#: LANDLOCK_ACCESS_FS_… of the first version, and what later versions added: refer, truncate, ioctl on devices.
_FILES_V1 = (1 << 13) - 1
_FILES_LATER = ((2, 1 << 13), (3, 1 << 14), (5, _IOCTL_DEVICE))
_FILE_ONLY = _EXECUTE | _WRITE_FILE | _READ_FILE | 1 << 14 | _IOCTL_DEVICE
#: Since version 4 TCP bind and connect, since version 6 signals and abstract sockets towards the outside.
_NET_ALL, _SCOPE_ALL = 3, 3

SYSTEM_FOLDERS = ("/usr", "/lib", "/lib64", "/bin", "/etc/ld.so.cache")

_MISSING = 0x00050026  # the error ENOSYS
#: linux/bpf_common.h, besides those of engine/callfilter.py: jump if greater or equal, if any bit.
_AT_LEAST, _ANY_BIT = 0x35, 0x45

#: Namespace flags of clone: mount, cgroup, uts, ipc, user, pid, net.
_NEW_NAMESPACES = 0x20000 | 0x2000000 | 0x4000000 | 0x8000000 | 0x10000000 | 0x20000000 | 0x40000000

#: System calls that a helper is refused: (x86-64, arm64), None where there is none.
REFUSED_CALLS: dict[str, tuple[int | None, int | None]] = {
    "socket": (41, 198),
    "connect": (42, 203),
    "bind": (49, 200),
    "listen": (50, 201),
    "accept": (43, 202),
    "accept4": (288, 242),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "kcmp": (312, 272),
    "pidfd_open": (434, 434),
    "pidfd_getfd": (438, 438),
    "pidfd_send_signal": (424, 424),
    "process_madvise": (440, 440),
    "process_mrelease": (448, 448),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "keyctl": (250, 219),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "mount": (165, 40),
    "umount2": (166, 39),
    "move_mount": (429, 429),
    "open_tree": (428, 428),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "mount_setattr": (442, 442),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "unshare": (272, 97),
    "setns": (308, 268),
    "open_by_handle_at": (304, 265),
    "name_to_handle_at": (303, 264),
    "mknod": (133, None),
    "mknodat": (259, 33),
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "reboot": (169, 142),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "acct": (163, 89),
    "quotactl": (179, 60),
    "syslog": (103, 116),
    "sethostname": (170, 161),
    "setdomainname": (171, 162),
    "settimeofday": (164, 170),
    "clock_settime": (227, 112),
    "clock_adjtime": (305, 266),
    "adjtimex": (159, 171),
    "fanotify_init": (300, 262),
    "vhangup": (153, 58),
    "personality": (135, 92),
    "iopl": (172, None),
    "ioperm": (173, None),
    "modify_ldt": (154, None),
    "uselib": (134, None),
    "memfd_secret": (447, 447),
}
#: By machine: column of REFUSED_CALLS, audit number of the architecture, clone, clone3.
_ARCHITECTURES = {"x86_64": (0, 0xC000003E, 56, 435), "aarch64": (1, 0xC00000B7, 220, 435)}

_libc = ctypes.CDLL(None, use_errno=True)


def _error() -> str:
    return os.strerror(ctypes.get_errno())


def landlock_version() -> int:
    """The kernel's landlock ABI; 0 where there is none."""
    # SAFETY: a null ruleset of length 0 with the version flag asks only for the version.
    return max(0, int(_libc.syscall(_CREATE_RULESET, None, 0, _VERSION_FLAG)))


def _allow(ruleset: int, path: str, rights: int) -> None:
    """Allow `rights` on the file, or on everything in the folder, `path`; what does not exist needs no rule."""
    try:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    if not os.path.isdir(path):
        rights &= _FILE_ONLY
    # SAFETY: the packed struct landlock_path_beneath_attr outlives the call that reads it.
    _libc.syscall(_ADD_RULE, ruleset, _PATH_BENEATH, struct.pack("=Qi", rights, descriptor), 0)
    os.close(descriptor)


def forbid_files(scratch: str | None) -> Outcome:
    """No file any more; with `scratch`, none but the system's programs (read, execute) and what is in that folder."""
    version = landlock_version()
    if not version:
        return "the kernel has no landlock"
    handled = _FILES_V1 | sum(bit for since, bit in _FILES_LATER if version >= since)
    attributes = struct.pack("=Q", handled)
    if version >= 4:
        attributes += struct.pack("=Q", _NET_ALL)
    if version >= 6:
        attributes += struct.pack("=Q", _SCOPE_ALL)
    # SAFETY: the kernel reads exactly the struct landlock_ruleset_attr of the length given.
    ruleset = int(_libc.syscall(_CREATE_RULESET, attributes, len(attributes), 0))
    if ruleset < 0:
        return _error()
    try:
        if scratch is not None:
            for path in SYSTEM_FOLDERS:
                _allow(ruleset, path, handled & (_EXECUTE | _READ_FILE | _READ_DIR))
            _allow(ruleset, os.devnull, handled & (_READ_FILE | _WRITE_FILE | _IOCTL_DEVICE))
            _allow(ruleset, scratch, handled & ~_EXECUTE)
        return _libc.syscall(_RESTRICT_SELF, ruleset, 0) == 0 or _error()
    finally:
        os.close(ruleset)


def _filter(column: int, architecture: int, clone: int, clone3: int) -> Iterator[tuple[int, int, int, int]]:
    """The seccomp program as (code, jump if true, jump if false, operand); jumps count the instructions to skip."""
    numbers = [pair[column] for pair in REFUSED_CALLS.values()]
    refused = [number for number in numbers if number is not None]
    yield LOAD, 0, 0, 4  # architecture of the call
    yield EQUAL, 1, 0, architecture
    yield RETURN, 0, 0, KILL
    yield LOAD, 0, 0, 0  # its number
    # A second numbering (x32) would pass under every number that follows.
    yield _AT_LEAST, len(refused) + 6, 0, 0x40000000
    for at, number in enumerate(refused):
        yield EQUAL, len(refused) - at + 5, 0, number
    # clone3 hides its flags behind a pointer: say that it does not exist, and libc uses clone.
    yield EQUAL, 3, 0, clone3
    yield EQUAL, 0, 3, clone
    yield LOAD, 0, 0, 16  # its first argument, low half
    yield _ANY_BIT, 2, 1, _NEW_NAMESPACES
    yield RETURN, 0, 0, _MISSING
    yield RETURN, 0, 0, ALLOW
    yield RETURN, 0, 0, REFUSE


def allow_only_machine_calls() -> Outcome:
    """Refuse every system call that is not in the table of engine/worker/calls.py, from now on."""
    return put_up(worker_filter(os.getpid()))


def refuse_calls() -> Outcome:
    """Refuse the system calls above from now on, here and in every process started from here."""
    if platform.machine() not in _ARCHITECTURES:
        return f"no filter for processors of type {platform.machine()}"
    steps = _filter(*_ARCHITECTURES[platform.machine()])
    return put_up(b"".join(STEP.pack(*step) for step in steps))
