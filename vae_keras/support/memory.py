"""How much memory this process can have."""

import contextlib
import os
import resource

from vae_keras.support.errors import InputError

# The limit of a container, as Linux shows it with control groups of version 2 and of version 1.
CONTAINER_LIMITS = (
    "/sys/fs/cgroup/memory.max",
    "/sys/fs/cgroup/memory/memory.limit_in_bytes",
)


# Addresses that TensorFlow takes for its code and threads before a run begins. With fewer it ends
# the process, and no line says why.
TENSORFLOW_ADDRESSES = 5 * 2**30


def machine_memory() -> int:
    """Bytes of memory that this process can have: the machine's, or a container's if it has less.

    Neither swap space nor what other processes use counts.
    """
    limits = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for file in CONTAINER_LIMITS:
        with contextlib.suppress(OSError, ValueError), open(file) as text:  # "max" is no limit
            limits.append(int(text.read()))
    return min(limits)


def check_address_space(needed: int = 0) -> None:
    """Raise `InputError` if this process may use too few addresses.

    Args:
        needed: Bytes that are needed besides those of TensorFlow.
    """
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit != resource.RLIM_INFINITY and limit < TENSORFLOW_ADDRESSES + needed:
        raise InputError(
            f"this process may use {gibibytes(limit)} of addresses, and needs about "
            f"{gibibytes(TENSORFLOW_ADDRESSES + needed)}: raise ulimit -v"
        )


def gibibytes(size: float) -> str:
    """A number of bytes as a text, such as `1.5 GiB`."""
    return f"{size / 2**30:,.1f} GiB"
