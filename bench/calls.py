#!/usr/bin/env python3
"""What a call from Python costs beside the graph itself: a request as JSON on stdin, the answer as the last line of stdout."""

import json
import os
import sys
import time

clock = time.perf_counter


def microseconds(f, seconds):
    """Of one call: the least of the means of 200, over `seconds`, so that what disturbs a few of them does not count."""
    found, end = [], clock() + seconds
    while len(found) < 5 or clock() < end:
        start = clock()
        for _ in range(200):
            f()
        found.append((clock() - start) / 200 * 1e6)
    return min(found)


def main():
    request = json.load(sys.stdin)
    import neve
    from neve import nn

    def network():
        return nn.Sequential(*[nn.Linear(8, 8) for _ in range(40)], nn.ReLU()).eval()

    x = neve.randn(4, 8)
    threads, seconds = request["threads"], request["seconds"]
    held = neve.jit.inference(network(), threads=threads)
    region = held.forward
    region(x)
    engine = region.engines[0]
    static, net = neve.jit.to_static(network()), network()
    with neve.no_grad():
        static(x)
        rows = {
            "engine": microseconds(lambda: engine._run([x]), seconds),
            "region": microseconds(lambda: region(x), seconds),
            "to_static": microseconds(lambda: static(x), seconds),
            "eager": microseconds(lambda: net(x), seconds),
        }
    print(json.dumps({"microseconds": rows, "version": str(neve.__version__)}), flush=True)
    os._exit(0)  # what a library does while it is taken down is not measured


if __name__ == "__main__":
    main()
