"""Processes that are open at once and called in turns, a few calls each: what a shared machine does to one, it does to all."""

import json
import pathlib
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
PAUSE = 0.005  # seconds between turns: threads that wait busily are asleep when the next one begins


class Worker:
    """A script (worker.py, training.py) with one backend open; `first` is what it says when it is ready."""

    def __init__(self, python, request, env, script="worker.py"):
        self.errors = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(
            [python, str(HERE / script)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            text=True,
            env=env,
        )
        self.first = self.ask(request)

    def ask(self, request):
        """Its answer; raises RuntimeError with its last word if there is none."""
        try:
            self.process.stdin.write(json.dumps(request) + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass  # what it said before it ended tells why
        for line in self.process.stdout:
            if line.startswith("{"):  # a library may print, too
                return json.loads(line)
        status = self.process.wait()
        self.errors.seek(0)
        raise RuntimeError((self.errors.read().strip().splitlines() or [f"exit status {status}"])[-1])

    def close(self):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()
        self.errors.close()


def serve_turns(call, feeds, about):
    """The worker's side: says `about`, then answers {"size": its number, "seconds": of timing} with the milliseconds of every call."""
    clock, known = time.perf_counter, {}
    print(json.dumps(about), flush=True)
    while request := sys.stdin.readline():
        request = json.loads(request)
        feed, took = feeds[request["size"]], known.get(request["size"])
        warm = clock() + 0.01  # what the others put into the caches leaves them; threads wake up
        for n in range(100):
            if took is None and n >= 3 and clock() > warm:  # TorchScript optimises in the third call
                break
            if took is not None and (took > 0.05 or (n and clock() > warm)):
                break
            call(feed)
        times, end = [], clock() + request["seconds"]
        while not times or (clock() < end and len(times) < 10_000):
            start = clock()
            call(feed)
            times.append((clock() - start) * 1e3)
        known[request["size"]] = min(times) / 1e3
        print(json.dumps({"times": times}), flush=True)


def take_turns(workers, size, seconds, turns):
    """[{name: milliseconds of every call} for each turn] of {name: Worker}; a worker that fails raises (name, why)."""
    found = []
    for number in range(-1, turns):  # the first is for kernels that are made when a size is seen, and is thrown away
        names = list(workers)
        shift = number % len(names)
        answers = {}
        for name in names[shift:] + names[:shift]:
            time.sleep(PAUSE)
            try:
                answers[name] = workers[name].ask({"size": size, "seconds": seconds / turns if number >= 0 else 0})[
                    "times"
                ]
            except (RuntimeError, KeyError) as e:
                raise LookupError(name, str(e)) from e
        if number >= 0:
            found.append(answers)
    return found
