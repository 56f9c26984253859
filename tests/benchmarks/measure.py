"""Times taken in turn and memory of steps, for the measurements here."""

import statistics
import time

from torch.profiler import ProfilerActivity, profile


def in_turn(steps, rounds, warm_up=2):
    """Median seconds of each of the named ``steps``, which are called one after another, so that all see the same machine."""
    times = {name: [] for name in steps}
    for turn in range(warm_up + rounds):
        for name, step in steps.items():
            start = time.perf_counter()
            step()
            if turn >= warm_up:
                times[name].append(time.perf_counter() - start)
    return {name: statistics.median(found) for name, found in times.items()}


def peak_memory(step):
    """Most bytes that tensors made in a step take at once."""
    step()
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        step()
    events = profiler.profiler.kineto_results.events()
    changes = sorted((e.start_ns(), e.nbytes()) for e in events if e.name() == "[memory]")
    total = highest = 0
    for _, change in changes:
        total += change
        highest = max(highest, total)
    return highest
