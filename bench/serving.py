"""`./dev bench --what serve`: sessions side by side, and an engine beside other load on the same cores.

For every model, at its first size: calls a second of one session with one thread and of two, in turns, with the tails of both, and
those of threads that multiply in registers for as long at a time, which are the machine's own;
then one session with all threads alone, beside a process that keeps one core busy, beside one that keeps all of them busy, and
beside a second process that does the same as the first; and an engine of the whole range, with one thread and with all, while its
other sizes are prepared in the background, in turns with nothing. Each round does all of it once; medians of the rounds are shown.
"""

import json
import statistics
import subprocess

COPIES = 24  # of an engine, whose sizes are prepared one after the other: one alone is done in a few calls
PEERS = ("alone", "busy core", "busy cores", "twice")


class Serving:
    def __init__(self, bench, program):
        self.bench, self.program, self.seconds = bench, str(program), bench.options.seconds
        self.threads = bench.options.threads

    def start(self, threads, *arguments):
        """A bench-serve process; it says when it is ready, and begins when it is told to."""
        env = {**self.bench.environment(), "NEVE_NUM_THREADS": str(threads)}
        command = [self.program, *map(str, arguments), "--seconds", str(self.seconds), "--wait"]
        pipe = subprocess.PIPE
        process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=env)
        if process.stdout.readline().strip() != "ready":
            raise RuntimeError(f"bench-serve ended with {process.wait()}")
        return process

    def finish(self, processes):
        for p in processes:
            p.stdin.write("\n")
            p.stdin.flush()
        answers = [json.loads(p.stdout.readline()) for p in processes]
        for p in processes:
            p.communicate()
        return answers

    def sessions(self, archive):
        """One session alone, and both of two, in turns."""
        answer = self.finish([self.start(1, archive, "--sessions", 2, "--turns")])[0]
        return answer["sessions"][0], answer["meanwhile"]

    def spinning(self, ms):
        return self.finish([self.start(1, "--spin", ms, "--sessions", 2)])[0]

    def beside(self, archive, peer):
        """The median time of a call in ms, beside a peer."""
        busy = {"busy core": 1, "busy cores": self.threads}.get(peer, 0)
        load = [self.program, "--busy", str(busy), "--seconds", str(10 * self.seconds + 60)]
        other = subprocess.Popen(load) if busy else None
        try:
            both = [self.start(self.threads, archive) for _ in range(2 if peer == "twice" else 1)]
            answers = self.finish(both)
        finally:
            if other:
                other.kill()
                other.wait()
        return statistics.mean(a["sessions"][0]["median_ms"] for a in answers)

    def warming(self, threads, archive):
        """How many times as long a call takes while other sizes are prepared."""
        answer = self.finish([self.start(threads, archive, "--warm", COPIES)])[0]
        return answer["meanwhile"][0]["median_ms"] / answer["sessions"][0]["median_ms"]

    def measure(self, name, one, all_threads, ranges):
        rounds = []
        for _ in range(self.bench.options.rounds):
            single, both = self.sessions(one)
            pair = sum(s["calls_per_s"] for s in both)
            machine = self.spinning(statistics.mean(s["median_ms"] for s in both))
            times = {peer: self.beside(all_threads, peer) for peer in PEERS}
            rounds.append(
                {
                    "one_per_s": single["calls_per_s"],
                    "two_per_s": pair,
                    "gain": pair / single["calls_per_s"],
                    "tail": tail(both),
                    "tail of one": tail([single]),
                    "machine tail": tail(machine["sessions"]),
                    **{peer: times[peer] for peer in PEERS},
                    **{f"{peer}, slower": times[peer] / times["alone"] for peer in PEERS[1:]},
                    **{f"warming, {threads} threads": self.warming(threads, ranges[threads]) for threads in ranges},
                }
            )
        return {
            "model": name,
            **{key: statistics.median(r[key] for r in rounds) for key in rounds[0]},
            "rounds": rounds,
        }


def tail(sessions):
    """The 99th percentile over the median, of the session that is worse."""
    return max(s["p99_ms"] / s["median_ms"] for s in sessions)


def line(row):
    slower = ", ".join(f"beside {p} {row[f'{p}, slower']:.2f}x" for p in PEERS[1:-1])
    return (
        f"  {row['model']}: one session {row['one_per_s']:.1f}/s, two {row['two_per_s']:.1f}/s = {row['gain']:.2f}x, "
        f"p99 {row['tail']:.2f}x the median (one alone {row['tail of one']:.2f}x, the machine's own {row['machine tail']:.2f}x); all threads {row['alone']:.3f} ms alone, {slower}, "
        f"two processes {row['twice, slower']:.2f}x the time; while sizes are prepared "
        + ", ".join(f"{row[k]:.2f}x ({k.split(', ')[1]})" for k in row if k.startswith("warming"))
    )
