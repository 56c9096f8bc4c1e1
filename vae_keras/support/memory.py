"""The memory available to this process."""

import contextlib
import os
import resource

from vae_keras.support.errors import InputError

# The limit of a container, as Linux shows it with control groups of version 2 and of version 1.
CONTAINER_LIMITS = (
    "/sys/fs/cgroup/memory.max",
    "/sys/fs/cgroup/memory/memory.limit_in_bytes",
)


# Address space that TensorFlow takes for its code and threads before a run begins. With less, it
# ends the process without a message.
TENSORFLOW_ADDRESSES = 5 * 2**30


def machine_memory() -> int:
    """Bytes of memory of the machine, or of the container if it has less.

    Swap space and the memory of other processes are ignored.
    """
    limits = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for file in CONTAINER_LIMITS:
        with contextlib.suppress(OSError, ValueError), open(file) as text:  # "max" is no limit
            limits.append(int(text.read()))
    return min(limits)


def check_address_space(needed: int = 0) -> None:
    """Raise `InputError` if the address space of this process is too small.

    Args:
        needed: Bytes needed besides those of TensorFlow.
    """
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit != resource.RLIM_INFINITY and limit < TENSORFLOW_ADDRESSES + needed:
        raise InputError(
            f"the address space of this process is {gibibytes(limit)}, but it needs about "
            f"{gibibytes(TENSORFLOW_ADDRESSES + needed)}: raise ulimit -v"
        )


def gibibytes(size: float) -> str:
    """A number of bytes as a text, such as `1.5 GiB`."""
    return f"{size / 2**30:,.1f} GiB"
