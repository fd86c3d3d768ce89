"""What counting a request costs it: one addition in the instance's Redis, and the headers of the answer.

.venv/bin/python -m benchmarks.limits
"""

from time import perf_counter

import numpy as np

from signalcraft.ratelimits.service import require_kind

WARM_UP = 200
REQUESTS = 5000


def main() -> None:
    """Count requests of one account, one after the other, and print the spread of what each took."""
    took = np.zeros(REQUESTS)
    for number in range(-WARM_UP, REQUESTS):
        began = perf_counter()
        # As many accounts as it takes for none to run out.
        require_kind("read", f"account:benchmark-{number // 1000}")
        took[max(number, 0)] = perf_counter() - began
    milliseconds = np.percentile(took, [50, 95, 99]) * 1000
    print("counting a request: p50 {:.3f} ms, p95 {:.3f} ms, p99 {:.3f} ms".format(*milliseconds))


if __name__ == "__main__":
    main()
