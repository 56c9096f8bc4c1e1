"""Seeds derived from the seed of a run and a name."""

import zlib


def derive_seed(seed: int | str, *labels: int | str) -> int:
    """A seed that depends only on `seed` and `labels`.

    Two processes, or a run and its continuation, get the same number for the same labels. Different
    labels give unrelated numbers.

    Args:
        seed: Integer, the seed of the run.
        *labels: Strings or integers, for example `"noise", epoch`.

    Returns:
        Integer in [0, 2**31), the range that the generators of all backends accept.
    """
    return zlib.crc32(repr((seed, *labels)).encode()) & 0x7FFFFFFF
