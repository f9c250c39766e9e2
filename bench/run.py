#!/usr/bin/env python3
"""`./dev bench`: how fast Neve's engines are, alone or beside the peers, in alternating processes; medians, spread and ratios.

    ./dev bench                       Neve alone: speed, and the network's time over that of its bare convolutions
    ./dev bench --peers               with ONNX Runtime, OpenVINO (an engine for each shape, and one for all) and PyTorch (eager,
                                      inductor); a table with ratios and their spread
    ./dev bench --what all            also optimize, first calls, dynamic against static, start, memory
    ./dev bench --what serve          two sessions against one, tails, and speed beside other load (bench/serving.py)
    ./dev bench --what calls          what a call from Python costs beside its graph (bench/calls.py)
    ./dev bench --before FOLDER       beside another build of Neve: what a change has gained
    ./dev bench --train               training steps; with --peers beside PyTorch, op by op and compiled
                                      (--backends neve neve_deterministic: the cost of neve.deterministic)
    ./dev bench --peers --onnx FILE --size "x=1x3x224x224" "x=8x3x224x224"
                                      a model of yours, one engine for all its sizes (inputs apart by ';')
    ./dev bench --peers --backends neve_eager torch
                                      networks op by op, without an engine, beside PyTorch's

The models are made by bench/make_models.py (needs PyTorch: the environment of --peers) into build/bench-models. Every backend has a
process of its own. For speed those of a round are open at once and take turns, a few calls each: a ratio is taken inside a turn, and
the median of all turns is shown, with the lowest and highest round. Quiet machines give better figures: the load before and after is
stored with them.
"""

import argparse
import datetime
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import serving  # noqa: E402
import turns  # noqa: E402
import workloads as table  # noqa: E402

WHAT = ("speed", "convs", "optimize", "first", "pair", "start", "memory", "serve", "calls")
TRAIN = (
    "resnet18",
    "encoder",
    "lstm",
    "digits",
    "add",
)  # of training.py; the last is a thousand additions of four elements
PEERS = ("onnxruntime", "openvino", "openvino_dynamic", "torch", "inductor")
RIVALS = ("onnxruntime", "openvino")  # the better of them at each shape is what Neve is measured by
NEVES = ("neve", "neve_before")  # engines of this build, and of another one
OWN = ("neve", "neve_static", "neve_deterministic")  # op by op; captured; the same bits on any number of threads
EAGER = "neve_eager"  # no engine: op by op, what PyTorch is compared with


def text_or_none(path):
    return str(path) if path else None


class Bench:
    def __init__(self, options):
        self.options, self.failures = options, []
        self.folder = pathlib.Path(options.models_dir) if options.models_dir else table.MADE
        self.work = {
            n: w for n, w in table.workloads(self.folder, options.shared_models).items() if n in options.models
        }
        self.files = {}  # {name of a workload: what file_workload takes}
        self.scratch = tempfile.TemporaryDirectory(prefix="neve-bench-")
        self.result = {
            "schema": "neve.bench/1",
            "machine": machine(),
            "threads": options.threads,
            "rounds": options.rounds,
            "versions": {},
        }

    # ------------------------------------------------------------------------------------------------------- processes

    def cache(self, backend="neve"):
        return pathlib.Path(self.scratch.name) / f"cache-{backend}"  # kernels of another build take other times

    def environment(self, cache=None):
        env = {**os.environ, "OMP_NUM_THREADS": str(self.options.threads), "PYTHONPATH": str(HERE)}
        env["NEVE_CACHE_DIR"] = str(cache or self.cache())
        return env

    def ask(self, workload, task, backend="neve", cache=None, **request):
        """The worker's answer, or None after telling why there is none."""
        request = self.request(workload, task, backend, **request)
        return self.answer("worker.py", self.python_of(backend), request, workload.name, self.environment(cache))

    def python_of(self, backend):
        if backend == "neve_before":
            return str(self.options.before / "venv" / "bin" / "python")
        return sys.executable if backend in (EAGER, *OWN) else self.options.peers_python

    def request(self, workload, task, backend, **more):
        return {
            "workload": workload.name,
            "task": task,
            "backend": backend,
            "models": str(self.folder),
            "shared_models": text_or_none(self.options.shared_models),
            "threads": self.options.threads,
            "seconds": self.options.seconds,
            "file": self.files.get(workload.name),
            **more,
        }

    def add_file(self, path, sizes):
        """A model that the user names, instead of those of workloads.py."""
        request = {"workload": path.stem, "task": "inputs", "backend": "neve", "path": str(path)}
        answer = self.answer("worker.py", sys.executable, request, path.stem, self.environment())
        if answer is None:
            return
        dtypes = answer["dtypes"]
        for size in sizes:
            if set(size) != set(dtypes):
                self.fail(f"{path.stem}: its inputs are {', '.join(dtypes)}; --size names {', '.join(size)}")
                return
            if name := next((n for n in size if len(size[n]) != len(sizes[0][n])), None):
                self.fail(
                    f"{path.stem}: {name} has {len(sizes[0][name])} axes in one --size and {len(size[name])} in another"
                )
                return
        sizes = [{name: size[name] for name in dtypes} for size in sizes]
        self.files[path.stem] = {"path": str(path.resolve()), "sizes": sizes, "dtypes": dtypes}
        self.work[path.stem] = table.file_workload(**self.files[path.stem])

    def answer(self, script, python, request, name, env):
        done = subprocess.run(
            [python, str(HERE / script)], input=json.dumps(request), capture_output=True, text=True, env=env
        )
        if done.returncode == 0 and done.stdout.strip():
            return json.loads(done.stdout.strip().splitlines()[-1])
        words = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
        self.fail(f"{name}: {request['task']} with {request['backend']}: {words}")
        return None

    def fail(self, failure):
        if failure not in self.failures:
            self.failures.append(failure)
            print("  " + failure, file=sys.stderr)

    def archive(self, workload, size=None, threads=None, backend="neve"):
        """The path of the optimised engine, made when it is first asked for; None if that failed."""
        name = backend + "-" + workload.name + ("" if size is None else "-" + "x".join(map(str, size)))
        threads = threads or self.options.threads
        path = pathlib.Path(self.scratch.name) / f"{name}-{threads}.neve"
        asked = {"archive": str(path), "size": size, "threads": threads}
        if not path.exists() and self.ask(workload, "optimize", backend, self.cache(backend), **asked) is None:
            return None
        return str(path)

    # -------------------------------------------------------------------------------------------------------- measures

    def speed(self, backends):
        """Every backend in a process of its own, all of them open at once and called in turns."""
        rows = self.result["speed"] = []
        for work in self.work.values():
            made_by = {b: "neve" if self.options.same_engine else b for b in backends if b in NEVES}
            archives = {b: self.archive(work, backend=maker) for b, maker in made_by.items()}
            usable = [b for b in backends if (b not in NEVES or archives[b]) and self.can_run(b, work)]
            rounds = []  # of them [{backend: milliseconds of the calls of a turn}] for every size
            for _ in range(self.options.rounds if usable else 0):
                rounds.append(self.round_of_turns(work, usable, archives))
            for index, size in enumerate(work.sizes):
                row, taken = row_of([r[index] for r in rounds], usable)
                row = {"model": work.name, "size": list(size), **row}
                for peer in row.keys() & set(usable) - {"neve"}:
                    if found := ratios_of(taken, [peer]):
                        row[peer].update(found)
                if found := ratios_of(taken, RIVALS):
                    row["against_better"] = found
                if found := ratios_of(taken, ["torch"], EAGER):
                    row["eager"] = found
                rows.append(row)
                print(speed_line(row, usable), flush=True)
        self.summarize(rows, backends)

    def round_of_turns(self, work, usable, archives):
        requests = {b: self.request(work, "turns", b, archive=archives.get(b)) for b in usable}
        workers = self.open_workers(work.name, requests)
        try:
            return [self.turns_of(f"{work.name} {list(s)}", workers, i) for i, s in enumerate(work.sizes)]
        finally:
            for worker in workers.values():
                worker.close()

    def open_workers(self, name, requests, script="worker.py"):
        """{backend: turns.Worker} of {backend: request}, without those that fail."""
        workers = {}
        for backend, request in requests.items():
            try:
                env = self.environment(self.cache(backend))
                workers[backend] = turns.Worker(self.python_of(backend), request, env, script)
                self.result["versions"][backend] = workers[backend].first["version"]
            except RuntimeError as e:
                self.fail(f"{name}: turns with {backend}: {e}")
        return workers

    def turns_of(self, name, workers, index):
        """What turns.take_turns finds; a worker that fails is closed, and the others begin again."""
        while workers:
            try:
                return turns.take_turns(workers, index, self.options.seconds, self.options.turns)
            except LookupError as e:
                backend, why = e.args
                self.fail(f"{name}: turns with {backend}: {why}")
                workers.pop(backend).close()
        return []

    def summarize(self, rows, backends):
        """The table, and the geometric mean over the shapes of every model."""
        if len(backends) > 1:
            print("\n" + speed_table(rows, backends), flush=True)
        with_ratio = [r for r in rows if "against_better" in r]
        self.result["summary"] = []
        for model in dict.fromkeys(r["model"] for r in with_ratio):
            speedups = [r["against_better"]["speedup"] for r in with_ratio if r["model"] == model]
            mean = {"model": model, "mean": statistics.geometric_mean(speedups), "lowest": min(speedups)}
            self.result["summary"].append(mean)
            print(
                f"  {model}: {mean['mean']:.2f}x the better of {' and '.join(RIVALS)} (geometric mean; lowest {mean['lowest']:.2f}x)"
            )
        for row in rows:
            if "eager" in row:
                low, high = row["eager"]["spread"]
                words = f"{row['eager']['speedup']:.2f}x PyTorch's speed ({low:.2f}..{high:.2f})"
                print(f"  {row['model']} {row['size']}, op by op: {words}")

    def can_run(self, backend, work):
        return work.network or backend not in ("torch", "inductor", EAGER)

    def convs(self):
        """ResNet-50 against its 53 convolutions run bare through oneDNN, in turn."""
        program = table.ROOT / "build" / "bin" / "bench-convs"
        work = self.work.get("resnet50")
        if work is None or self.files:
            return
        archive = self.archive(work) if program.exists() else None
        if archive is None:
            self.failures.append(f"convs: {program} is not built" if not program.exists() else "convs: no engine")
            return
        batches, rounds = [s[0] for s in work.sizes], []
        for _ in range(self.options.rounds):
            out = pathlib.Path(self.scratch.name) / "convs.json"
            command = [str(program), "--batch", ",".join(map(str, batches)), "--seconds", str(self.options.seconds)]
            subprocess.run(
                [*command, "--json", str(out)], check=True, env=self.environment(), stdout=subprocess.DEVNULL
            )
            bare = json.loads(out.read_text())
            network = self.ask(work, "speed", archive=archive)
            if network is None:
                return
            rounds.append([(n["median_ms"], b["median_ms"]) for n, b in zip(network["runs"], bare["runs"])])
        rows = self.result["convs"] = []
        for index, batch in enumerate(batches):
            pairs = [r[index] for r in rounds]
            row = {
                "batch": batch,
                "network_ms": statistics.median(p[0] for p in pairs),
                "convs_ms": statistics.median(p[1] for p in pairs),
                "ratio": statistics.median(p[0] / p[1] for p in pairs),
            }
            rows.append(row)
            print(
                f"  resnet50 batch {batch}: network {row['network_ms']:.1f} ms, its convolutions bare {row['convs_ms']:.1f} ms, "
                f"ratio {row['ratio']:.3f}",
                flush=True,
            )

    def optimize(self):
        rows = self.result["optimize"] = []
        for work in self.work.values():
            with tempfile.TemporaryDirectory(prefix="neve-cache-") as cache:
                out = str(pathlib.Path(self.scratch.name) / "timed.neve")
                cold = self.ask(work, "optimize", cache=cache, archive=out)
                warm = self.ask(work, "optimize", cache=cache, archive=out)
            if cold and warm:
                rows.append({"model": work.name, "cold_s": cold["seconds"], "cached_s": warm["seconds"]})
                print(
                    f"  {work.name}: optimize {cold['seconds']:.2f} s, from the tactic cache {warm['seconds']:.2f} s",
                    flush=True,
                )

    def first(self):
        rows = self.result["first"] = []
        for work in self.work.values():
            archive = self.archive(work)
            answer = archive and self.ask(work, "first", archive=archive)
            for row in answer["rows"] if answer else []:
                rows.append({"model": work.name, **row})
                print(
                    f"  {work.name} {row['size']}{' after warm' if row['warmed'] else ''}: first {row['first_ms']:.2f} ms, "
                    f"steady {row['steady_ms']:.2f} ms, ratio {row['ratio']:.2f}",
                    flush=True,
                )

    def pair(self):
        rows = self.result["pair"] = []
        for work in self.work.values():
            for size in work.sizes:
                dynamic, static = self.archive(work), self.archive(work, size)
                if not dynamic or not static:
                    continue
                answer = self.ask(work, "pair", archive=dynamic, static_archive=static, size=size, alternations=20)
                if answer:
                    rows.append({"model": work.name, **answer})
                    low, high = answer["spread"]
                    print(
                        f"  {work.name} {list(size)}: dynamic / static {answer['ratio']:.3f} (20 pairs, {low:.2f}..{high:.2f})",
                        flush=True,
                    )

    def start(self):
        rows = self.result["start"] = []
        for work in self.work.values():
            archive = self.archive(work)
            answers = [a for a in (self.ask(work, "start", archive=archive) for _ in range(5 if archive else 0)) if a]
            if answers:
                seconds = [a["seconds"] for a in answers]
                rows.append({"model": work.name, "seconds": statistics.median(seconds), "rounds": seconds})
                print(
                    f"  {work.name}: load to first result {statistics.median(seconds):.3f} s (first of five {seconds[0]:.3f})",
                    flush=True,
                )

    def memory(self):
        rows = self.result["memory"] = []
        for work in self.work.values():
            archive = self.archive(work)
            for size in (work.sizes[0], work.sizes[-1]) if archive else ():
                answer = self.ask(work, "resident", archive=archive, size=size)
                if answer:
                    rows.append({"model": work.name, **answer})
                    print(
                        f"  {work.name} {list(size)}: {answer['resident_bytes'] / 2**20:.1f} MiB resident; {answer['memory']}",
                        flush=True,
                    )

    def serve(self):
        program = table.ROOT / "build" / "bin" / "bench-serve"
        if not program.exists():
            self.failures.append(f"serve: {program} is not built")
            return
        rows = self.result["serve"] = []
        for work in self.work.values():
            counts = (1, self.options.threads)
            one, full = (self.archive(work, work.sizes[0], threads) for threads in counts)
            ranges = {threads: self.archive(work, None, threads) for threads in counts}
            if one and full and all(ranges.values()):
                rows.append(serving.Serving(self, program).measure(work.name, one, full, ranges))
                print(serving.line(rows[-1]), flush=True)

    def calls(self):
        rows = self.result["calls"] = []
        request = {"task": "calls", "backend": "neve", "threads": self.options.threads, "seconds": self.options.seconds}
        for _ in range(self.options.rounds):
            answer = self.answer("calls.py", sys.executable, request, "40 layers of 8x8", self.environment())
            if answer:
                rows.append(answer["microseconds"])
        if rows:
            least = {name: min(row[name] for row in rows) for name in rows[0]}
            beside = statistics.median(row["region"] - row["engine"] for row in rows)
            print("  40 layers of 8x8: " + ", ".join(f"{name} {us:.1f} us" for name, us in least.items()), flush=True)
            print(f"  a region over its engine: {beside:.1f} us", flush=True)

    # -------------------------------------------------------------------------------------------------------- training

    def train_request(self, name, task, backend, **more):
        return {"workload": name, "task": task, "backend": backend, "threads": self.options.threads, **more}

    def ask_training(self, name, task, backend, **more):
        request = self.train_request(name, task, backend, **more)
        return self.answer("training.py", self.python_of(backend), request, name, self.environment())

    def train(self, backends):
        """Steps of training.py's networks, op by op and captured, in processes that take turns."""
        rows = self.result["train"] = []
        for name in self.options.train_models:
            usable = [b for b in backends if b not in ("neve_static", "inductor") or name in TRAIN[:-1]]
            rounds, first = [], {b: [] for b in usable}
            for _ in range(self.options.rounds):
                workers = self.open_workers(
                    name, {b: self.train_request(name, "turns", b) for b in usable}, "training.py"
                )
                for backend, worker in workers.items():
                    first[backend].append(worker.first["first_ms"])
                try:
                    rounds.append(self.turns_of(name, workers, 0))
                finally:
                    for worker in workers.values():
                        worker.close()
            row, taken = row_of(rounds, usable)
            row["model"] = name
            for backend in row.keys() & set(usable):
                row[backend]["first_ms"] = first[backend]
                if backend != "torch" and (found := ratios_of(taken, ["torch"], backend)):
                    row[backend].update(found)
            if found := ratios_of(taken, ["inductor"], "neve_static"):
                row["over_inductor"] = found
            rows.append(row)
            print(train_line(row, usable), flush=True)
        captured = [r["neve_static"]["speedup"] for r in rows if "speedup" in r.get("neve_static", {})]
        if captured:
            mean = self.result["train_static_speedup"] = statistics.geometric_mean(captured)
            print(f"  captured training, geometric mean: {mean:.2f}x PyTorch's speed", flush=True)
        if over := [r["over_inductor"]["speedup"] for r in rows if "over_inductor" in r]:
            mean = self.result["train_over_inductor"] = statistics.geometric_mean(over)
            print(f"  captured training, geometric mean: {mean:.2f}x inductor's speed", flush=True)
        if "resnet18" in self.options.train_models:
            answers = {b: self.ask_training("resnet18", "memory", b) for b in backends if b != "inductor"}
            row = self.result["train_memory"] = {b: a["peak_bytes"] for b, a in answers.items() if a}
            words = ", ".join(f"{b} {n / 2**20:.0f} MiB" for b, n in row.items())
            print(f"  resnet18: peak of resident memory above the import: {words}", flush=True)
        if "digits" in self.options.train_models:
            answer = self.ask_training("digits", "leak", "neve", steps=self.options.leak_steps)
            if answer:
                self.result["train_leak"] = answer
                print(
                    f"  digits: {answer['steps']} steps, resident memory grew by {answer['grown_bytes'] / 2**20:.1f} MiB after the "
                    f"first tenth",
                    flush=True,
                )


def train_line(row, backends):
    parts = []
    for backend in backends:
        if backend in row:
            times = row[backend]["rounds_ms"]
            part = f"{backend} {row[backend]['median_ms']:.4g} ms ({min(times):.4g}..{max(times):.4g}, first {row[backend]['first_ms'][0]:.4g})"
            if "speedup" in row[backend]:
                low, high = row[backend]["spread"]
                part += f" = {row[backend]['speedup']:.2f}x PyTorch's speed ({low:.2f}..{high:.2f})"
            parts.append(part)
    if over := row.get("over_inductor"):
        low, high = over["spread"]
        parts.append(f"captured, {over['speedup']:.2f}x inductor's speed ({low:.2f}..{high:.2f})")
    return f"  {row['model']}: " + "; ".join(parts)


def row_of(rounds, backends):
    """({backend: its times}, the rounds with the median of each turn) of rounds of turns with the milliseconds of every call."""
    row, taken = {}, [[{b: statistics.median(t) for b, t in turn.items()} for turn in r] for r in rounds]
    for backend in backends:
        medians = [statistics.median(t[backend] for t in r) for r in taken if r and backend in r[0]]
        if medians:
            least = min(ms for r in rounds for turn in r for ms in turn.get(backend, ()))
            row[backend] = {"median_ms": statistics.median(medians), "min_ms": least, "rounds_ms": medians}
    return row, taken


def ratios_of(rounds, peers, own="neve"):
    """The time of the better of `peers` over that of `own`: the median of all turns, and the lowest and highest round; {} if none."""
    by_round = []
    for turns_ in rounds:
        both = [(min(t[p] for p in peers if p in t), t[own]) for t in turns_ if own in t and set(peers) & set(t)]
        if both:
            by_round.append([peer / mine for peer, mine in both])
    if not by_round:
        return {}
    medians = [statistics.median(r) for r in by_round]
    return {"speedup": statistics.median(x for r in by_round for x in r), "spread": [min(medians), max(medians)]}


def speed_table(rows, backends):
    """Milliseconds of every backend with the spread of its rounds, and Neve's speed over the better of the rivals."""
    heads = ["model", "size", *backends, "against the better"]
    cells = [heads]
    for row in rows:
        line = [row["model"], "x".join(map(str, row["size"]))]
        for backend in backends:
            answer = row.get(backend)
            if not answer:
                line.append("-")
                continue
            times = answer["rounds_ms"]
            spread = f" ±{50 * (max(times) - min(times)) / statistics.median(times):.0f}%" if len(times) > 1 else ""
            ratio = f" ({answer['speedup']:.2f}x)" if "speedup" in answer else ""
            line.append(f"{answer['median_ms']:.4g}{spread}{ratio}")
        better = row.get("against_better")
        line.append(
            f"{better['speedup']:.2f}x ({better['spread'][0]:.2f}..{better['spread'][1]:.2f})" if better else "-"
        )
        cells.append(line)
    widths = [max(len(line[i]) for line in cells) for i in range(len(heads))]
    return "\n".join(
        "  " + "  ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)).rstrip() for line in cells
    ) + (
        "\n  ms, half the spread of the rounds, (its time over Neve's); the last column: the better of "
        + " and ".join(RIVALS)
        + " over Neve, with the lowest and highest round"
    )


def speed_line(row, backends):
    parts = []
    for backend in backends:
        if backend in row:
            part = f"{backend} {row[backend]['median_ms']:.3f} ms ({min(row[backend]['rounds_ms']):.3f}..{max(row[backend]['rounds_ms']):.3f})"
            if "speedup" in row[backend]:
                part += f" = {row[backend]['speedup']:.2f}x Neve's time"
            parts.append(part)
    return f"  {row['model']} {row['size']}: " + "; ".join(parts)


def machine():
    """CPU, cores, memory, flags that matter, load."""
    info, flags = {}, set()
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        key, _, value = line.partition(":")
        info.setdefault(key.strip(), value.strip())
        if key.strip() == "flags" and not flags:
            flags = set(value.split())
    wanted = ("avx2", "fma", "avx512f", "avx512_vnni", "avx512_bf16", "avx_vnni", "amx_tile")
    return {
        "cpu": info.get("model name"),
        "cores": len(os.sched_getaffinity(0)),
        "isa": [f for f in wanted if f in flags],
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "time": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "load_before": os.getloadavg(),
    }


def make_missing(bench):
    missing = [w for w in bench.work.values() if not w.path.exists()]
    to_make = [w.name for w in missing if w.made]
    if to_make and bench.options.peers_python:
        print(f"making {', '.join(to_make)} in {bench.folder}", flush=True)
        command = [
            bench.options.peers_python,
            str(HERE / "make_models.py"),
            "--out",
            str(bench.folder),
            "--models",
            *to_make,
        ]
        subprocess.run(command, check=False, stderr=subprocess.DEVNULL)
    for work in missing:
        if not work.path.exists():
            hint = "./dev bench --peers makes it" if work.made else "it is not part of the repository"
            bench.failures.append(f"{work.name}: {work.path} is missing ({hint})")
            print("  " + bench.failures[-1], file=sys.stderr)
            del bench.work[work.name]


def size_of(text):
    """{input: shape} of "x=1x3x224x224;y=1x5"."""
    found = {}
    for part in text.split(";"):
        name, equals, axes = part.partition("=")
        try:
            found[name.strip()] = tuple(int(a) for a in axes.split("x") if a.strip())
        except ValueError:
            equals = ""
        if not equals or not name.strip() or min(found[name.strip()], default=0) < 0:
            raise argparse.ArgumentTypeError(f"{part!r} is not NAME=SIZExSIZE...")
    return found


def parse():
    names = list(table.workloads())
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", action="store_true", help="measure the peers beside Neve")
    parser.add_argument("--peers-python", help="the interpreter that has the peers (given by ./dev bench)")
    parser.add_argument("--backends", nargs="+", choices=(*OWN, EAGER, *PEERS))
    parser.add_argument("--models", nargs="+", choices=names, default=names)
    parser.add_argument("--onnx", type=pathlib.Path, help="a model of yours instead of those of the table")
    parser.add_argument("--size", nargs="+", type=size_of, help="with --onnx: NAME=1x3x224x224, inputs apart by ';'")
    parser.add_argument("--models-dir", help="folder of the made models (build/bench-models)")
    parser.add_argument("--shared-models", type=pathlib.Path, help="folder of models of others ($NEVE_MODELS)")
    parser.add_argument("--train", action="store_true", help="training steps instead")
    parser.add_argument("--train-models", nargs="+", choices=TRAIN, default=TRAIN)
    parser.add_argument("--leak-steps", type=int, default=10_000, help="of digits, for the size of the process")
    parser.add_argument("--what", nargs="+", choices=(*WHAT, "all"), default=["speed", "convs"])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=2.0, help="of timing for each size in a round")
    parser.add_argument(
        "--turns", type=int, default=10, help="in which the processes of a round run, one after the other"
    )
    parser.add_argument("--before", type=pathlib.Path, help="another build folder of Neve, measured as neve_before")
    parser.add_argument("--same-engine", action="store_true", help="it runs what this build has made: the same kernels")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", type=pathlib.Path, help="where the figures go")
    options = parser.parse_args()
    peers = ("torch", "inductor") if options.train else PEERS
    own = ["neve", "neve_static"] if options.train else ["neve", EAGER] if options.peers else ["neve"]
    if options.onnx:
        own, peers = ["neve"], PEERS[:3]  # there is no network of it that PyTorch could run op by op
        options.models = []
    if bool(options.onnx) != bool(options.size) or (options.onnx and options.train):
        parser.error("--onnx and --size belong together, and to inference")
    options.backends = options.backends or (own + [*peers] if options.peers else own)
    if options.before and not options.train:
        options.before = options.before.resolve()
        options.backends.append("neve_before")
    if options.train and set(options.backends) - {*OWN, "torch", "inductor"}:
        parser.error("--train compares with torch and inductor only")
    if not options.train and {*OWN[1:]} & set(options.backends):
        parser.error(f"{' and '.join(OWN[1:])} are for --train")
    if options.same_engine and not options.before:
        parser.error("--same-engine is for --before")
    if min(options.rounds, options.turns, options.threads) < 1 or options.seconds <= 0:
        parser.error("--rounds, --turns, --seconds and --threads must be positive")
    if set(options.backends) - {*OWN, EAGER, *NEVES} and not options.peers_python:
        parser.error("peers need --peers-python (./dev bench --peers gives it)")
    options.what = WHAT if "all" in options.what else options.what
    return options


def main():
    options = parse()
    bench = Bench(options)
    if options.train:
        print("train:", flush=True)
        bench.train(options.backends)
    else:
        make_missing(bench)
        if options.onnx:
            bench.add_file(options.onnx, options.size)
        if bench.work:
            bench.result["machine"]["peak"] = bench.ask(next(iter(bench.work.values())), "peak")
    for what in WHAT:
        if not options.train and what in options.what and bench.work:
            print(f"{what}:", flush=True)
            bench.speed(options.backends) if what == "speed" else getattr(bench, what)()
    bench.result["machine"]["load_after"] = os.getloadavg()
    bench.result["failures"] = bench.failures
    if options.json:
        options.json.write_text(json.dumps(bench.result, indent=1, default=str) + "\n")
    return 1 if bench.failures else 0


if __name__ == "__main__":
    sys.exit(main())
