"""One seed decides everything: every other seed is derived from it and a name."""

import zlib


def derive_seed(seed: int | str, *labels: int | str) -> int:
    """A seed that depends on `seed` and `labels` alone.

    Two processes, or a run and its continuation, that ask for the same labels
    get the same number; different labels give unrelated ones.

    Args:
        seed: Integer, the seed of the run.
        *labels: Strings or integers, for example `"noise", epoch`.

    Returns:
        Integer in [0, 2**31), which every backend's generator accepts.
    """
    return zlib.crc32(repr((seed, *labels)).encode()) & 0x7FFFFFFF
