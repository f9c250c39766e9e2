"""Data sets, samplers and loaders: the same batches for any number of workers, and workers that die are named."""

import glob
import os
import random
import signal
import subprocess
import sys
import time

import neve
import neve.data as data
import numpy as np
import pytest
from neve import Error


class Squares(data.Dataset):
    def __init__(self, n=20, bad=None, kill=None, slow=None):
        self.n, self.bad, self.kill, self.slow = n, bad, kill, slow

    def __len__(self):
        return self.n

    def __getitem__(self, i):
        if i == self.bad:
            raise KeyError("sample is bad")
        if i == self.kill:
            os.kill(os.getpid(), signal.SIGKILL)
        if i == self.slow:
            time.sleep(60)
        return np.full((3,), i * i, np.float32), i, np.random.rand()


class Row(data.IterableDataset):
    def __iter__(self):
        info = data.get_worker_info()
        return iter(range(info.id if info else 0, 10, info.num_workers if info else 1))


@pytest.fixture(autouse=True)
def no_leftovers():
    def memory():
        return {*glob.glob("/dev/shm/psm_*"), *glob.glob("/dev/shm/neve_*")}

    before = memory()
    yield
    assert memory() <= before


def values(loader):
    return [(x.tolist(), i.tolist(), r.tolist()) for x, i, r in loader]


def test_same_batches_for_any_number_of_workers():
    here = data.DataLoader(Squares(), 3, shuffle=True, generator=5)
    one = data.DataLoader(Squares(), 3, shuffle=True, generator=5, num_workers=1)
    two = data.DataLoader(Squares(), 3, shuffle=True, generator=5, num_workers=2, persistent_workers=True)
    for _ in range(2):
        a, b, c = values(here), values(one), values(two)
        assert a == b == c
        assert sorted(sum((x[1] for x in a), [])) == list(range(20)) and len(a) == len(here) == 7
    two._pool.close()


def test_exception_in_a_worker_has_its_traceback():
    with pytest.raises(Error, match="(?s)KeyError in worker . at batch 2:.*__getitem__.*sample is bad"):
        list(data.DataLoader(Squares(bad=7), 3, num_workers=2))


def test_killed_worker_is_named():
    start = time.monotonic()
    with pytest.raises(Error, match=r"worker . \(process \d+\) ended by signal 9"):
        list(data.DataLoader(Squares(kill=7), 3, num_workers=2))
    assert time.monotonic() - start < 30


def test_timeout():
    start = time.monotonic()
    with pytest.raises(Error, match="no batch from worker . in 3 seconds"):
        list(data.DataLoader(Squares(slow=3), 3, num_workers=1, timeout=3))
    assert time.monotonic() - start < 20


def test_left_early_leaves_nothing():
    loader = iter(data.DataLoader(Squares(), 2, num_workers=1))
    next(loader)
    loader.close()


def test_iterable():
    assert [b.tolist() for b in data.DataLoader(Row(), 4)] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    got = [b.tolist() for b in data.DataLoader(Row(), 2, num_workers=2)]
    assert sorted(sum(got, [])) == list(range(10))


class Noise(data.IterableDataset):
    def __iter__(self):
        info = data.get_worker_info()
        for i in range(info.id if info else 0, 11, info.num_workers if info else 1):
            yield i, np.random.rand(), random.random(), neve.rand(1).item()


def test_random_iterables_are_pinned():
    def run(workers):
        loader = data.DataLoader(Noise(), 2, num_workers=workers, generator=3)
        return [[v.tolist() for v in batch] for _ in range(2) for batch in loader]

    assert run(0) == run(1) and run(2) == run(2)
    assert [b[0] for b in run(2)][:6] == [[0, 2], [1, 3], [4, 6], [5, 7], [8, 10], [9]]


def test_generators_of_this_process_go_on():
    np.random.seed(1), random.seed(1), neve.manual_seed(1)
    for _ in data.DataLoader(Squares(), 3, generator=5):
        pass
    after = np.random.rand(), random.random(), neve.rand(1).item()
    np.random.seed(1), random.seed(1), neve.manual_seed(1)
    assert after == (np.random.rand(), random.random(), neve.rand(1).item())


def test_manual_seed_pins_the_order():
    def order():
        neve.manual_seed(9)
        return [i.tolist() for _, i, _ in data.DataLoader(Squares(), 4, shuffle=True)]

    first = order()
    assert first == order()
    neve.manual_seed(10)
    assert [i.tolist() for _, i, _ in data.DataLoader(Squares(), 4, shuffle=True)] != first


def test_the_exception_itself_without_workers():
    with pytest.raises(KeyError, match="sample is bad"):
        list(data.DataLoader(Squares(bad=7), 3, generator=1))


def test_interrupt_ends_everything(tmp_path):
    script = tmp_path / "s.py"
    script.write_text(
        "import sys, time, neve.data as d, numpy as np\n"
        "class S(d.Dataset):\n"
        "    def __len__(self): return 1000\n"
        "    def __getitem__(self, i): time.sleep(0.05); return np.zeros(10)\n"
        "if __name__ == '__main__':\n"
        "    for b in d.DataLoader(S(), 2, num_workers=2): print('batch', flush=True)\n"
    )
    run = subprocess.Popen(
        [sys.executable, script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}, start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # shells ignore it in background jobs
    )  # fmt: skip
    assert run.stdout.readline() == "batch\n"
    os.killpg(run.pid, signal.SIGINT)
    _, err = run.communicate(timeout=20)
    assert "KeyboardInterrupt" in err and run.returncode != 0


def test_samplers_and_sets():
    s = data.RandomSampler(range(10), generator=1)
    first, second = list(s), list(s)
    assert sorted(first) == list(range(10)) and first != second
    assert list(data.RandomSampler(range(10), generator=1)) == first
    assert set(data.WeightedRandomSampler([0, 1, 0, 3], 50, generator=0)) == {1, 3}
    assert list(data.BatchSampler(range(5), 2, True)) == [[0, 1], [2, 3]]
    parts = data.random_split(range(10), [0.75, 0.25])
    assert [len(p) for p in parts] == [8, 2] and sorted([*parts[0], *parts[1]]) == list(range(10))
    both = data.TensorDataset(np.arange(3)) + data.TensorDataset(np.arange(4))
    assert len(both) == 7 and both[3] == (0,) and both[-1] == (3,)
    assert [data.Subset(both, [6, 0])[i][0] for i in range(2)] == [3, 0]
    with pytest.raises(Error, match="random_split: lengths are"):
        data.random_split(range(10), [3, 3])
    with pytest.raises(Error, match="DataLoader: shuffle with a sampler"):
        data.DataLoader(range(3), sampler=s, shuffle=True)
    with pytest.raises(Error, match="shapes"):
        list(data.DataLoader([np.zeros(2), np.zeros(3)], 2))
