"""When requests are meant to be made. A schedule is fixed before the run: a slow answer does not make it wait."""

import random
from array import array
from typing import Literal

Arrivals = Literal["poisson", "constant"]


def arrivals(kind: Arrivals, rate_per_s: float, seconds: float, seed: int) -> "array[float]":
    """The moments of all requests, in seconds from the start, in their order. The same seed gives the same moments."""
    if rate_per_s <= 0 or seconds <= 0:
        raise ValueError("a schedule needs a rate and a length above zero")
    if kind == "constant":
        return array("d", (number / rate_per_s for number in range(int(rate_per_s * seconds))))
    chance = random.Random(seed)
    moments = array("d")
    moment_s = chance.expovariate(rate_per_s)
    while moment_s < seconds:
        moments.append(moment_s)
        moment_s += chance.expovariate(rate_per_s)
    return moments
