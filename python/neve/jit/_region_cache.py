"""Engines of regions on disk: keyed by all that makes them, shared by processes, bounded in bytes."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import inspect
import json
import os
import pathlib
import re
import tempfile
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from .. import _neve
from .._base import Tensor, fail
from . import _tree

_MISSES = "misses.jsonl"
_HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def folder_of(place: Any) -> pathlib.Path:
    """The folder that is meant; True: that of the cache. Raises Error{io} where it cannot be made."""
    if place is True:
        if not (standard := _neve.cache_directory()):
            fail("io", "inference: there is no cache folder (NEVE_CACHE_DIR names one; or cache_dir='folder')")
        place = os.path.join(standard, "regions")
    folder = pathlib.Path(place).expanduser()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        fail("io", f"inference: cache_dir '{folder}': {error.strerror} (a folder that can be written to)")
    return folder


# ---- keys ------------------------------------------------------------------------------------------------------------


def _digest(data: Any) -> str:
    return hashlib.sha256(data).hexdigest()[:32]


def _of_tensor(t: Any) -> str:
    """The digest of a tensor's or an array's bytes, with its dtype and sizes."""
    if isinstance(t, Tensor):
        dtype = t.dtype
        t = t.detach()
        a = np.array(t.astype("f32") if dtype == "bf16" else t)  # f32 holds bf16 exactly
    else:
        a = np.asarray(t)
        dtype = str(a.dtype)
    h = hashlib.sha256(f"{dtype}{a.shape}".encode())
    h.update(np.ascontiguousarray(a).reshape(-1).view(np.uint8).data)
    return h.hexdigest()[:32]


def _text(v: Any) -> str:
    """An option as text that is the same in every process."""
    if isinstance(v, (Tensor, np.ndarray)):
        return _of_tensor(v)
    if isinstance(v, dict):
        return "{" + ", ".join(f"{k}: {_text(e)}" for k, e in sorted(v.items())) + "}"
    if isinstance(v, (set, frozenset)):
        return "{" + ", ".join(sorted(map(_text, v))) + "}"
    if isinstance(v, (list, tuple)):
        return "[" + ", ".join(map(_text, v)) + "]"
    return repr(v)


def _structure(s: Any) -> str:
    if isinstance(s, _tree.Leaf):
        return "tensor"
    if isinstance(s, _tree.Constant):
        return re.sub(r" at 0x[0-9a-f]+", "", repr(s.value))
    inner = ", ".join(f"{k}={_structure(c)}" for k, c in zip(s.keys or range(len(s.children)), s.children))
    return f"{s.kind.__name__}({inner})"


def _sources(functions: list[Any]) -> dict[str, str]:
    """Digests of the source of functions that are not Neve's own, by name."""
    found = {}
    for f in functions:
        f = inspect.unwrap(getattr(f, "__func__", f))
        code = getattr(f, "__code__", None)
        if code is None or code.co_filename.startswith(_HERE):
            continue
        try:
            text = inspect.getsource(f)
        except (OSError, TypeError):
            text = repr((code.co_code, [c for c in code.co_consts if not hasattr(c, "co_code")], code.co_names))
        found[f"{f.__module__}.{f.__qualname__}"] = _digest(text.encode())
    return found


def key_of(name: str, captured: Any, model: Any, options: dict[str, Any], mode: Any) -> dict[str, str]:
    """What an engine depends on, part by part."""
    not_key = ("cache_dir", "cache_bytes", "blocking", "freeze", "max_forms")
    parts = {
        "region": name,
        "version": str(_neve.version()),
        "isa": str(_neve.isa()),
        "threads": str(options.get("threads", 0) or len(os.sched_getaffinity(0))),
        "autocast": str(mode),
        "structure": f"{_structure(captured._arguments)} -> {_structure(captured._results)}",
        "inputs": "; ".join(f"{n}: {d}[{', '.join(map(str, s))}]" for n, d, s in captured.inputs),
        "program": _digest(re.sub(r' loc\("[^"]*"\)', "", model.graph).encode()),
    }
    parts |= {f"source of {n}": d for n, d in _sources(captured._environment.functions).items()}
    parts |= {f"option {k}": _text(v) for k, v in options.items() if k not in not_key}
    for i, (n, t) in enumerate(_neve.weights_of(captured._program)):
        parts[f"weight {n or f'constant {i}'}"] = _of_tensor(t)
    return parts


def difference(wanted: dict[str, str], kept: dict[str, str]) -> list[str]:
    """The parts of a key that differ, in words."""
    short = len(wanted) > 0

    def shown(v: str | None) -> str:
        return "nothing" if v is None else v[:12] if short and re.fullmatch(r"[0-9a-f]{32}", v) else v

    names = [*wanted, *(n for n in kept if n not in wanted)]
    return [
        f"{n}: {shown(wanted.get(n))} wanted, {shown(kept.get(n))} kept" for n in names if wanted.get(n) != kept.get(n)
    ]


# ---- the folder ------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def _locked(path: pathlib.Path) -> Iterator[None]:
    """Holds a lock between processes and threads; one that ends leaves it to the next."""
    with open(path, "a") as f:
        while True:
            try:
                fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                time.sleep(0.02)
        yield


def _write(path: pathlib.Path, text: str) -> None:
    handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=".tmp")
    with os.fdopen(handle, "w") as f:
        f.write(text)
        f.flush()
        os.fsync(f.fileno())
    os.replace(temporary, path)


def _keys(folder: pathlib.Path) -> list[dict[str, str]]:
    found = []
    for path in folder.glob("*.json"):
        with contextlib.suppress(OSError, ValueError):
            key = json.loads(path.read_text())
            if isinstance(key, dict) and all(isinstance(v, str) for v in key.values()):
                found.append(key)
    return found


def _why(folder: pathlib.Path, parts: dict[str, str]) -> list[str]:
    """In what the nearest entry of the same region differs."""
    kept = [k for k in _keys(folder) if k.get("region") == parts["region"]]
    if not kept:
        return ["nothing of this region is kept"]
    return min((difference(parts, k) for k in kept), key=len) or ["the kept entry was damaged"]


def _note_miss(folder: pathlib.Path, parts: dict[str, str], why: list[str]) -> None:
    """For `neve cache why-miss`: the last hundred misses."""
    path = folder / _MISSES
    line = json.dumps({"region": parts["region"], "time": time.strftime("%Y-%m-%d %H:%M:%S"), "why": why[:20]})
    with _locked(folder / "lock"):
        old = path.read_text().splitlines()[-99:] if path.exists() else []
        _write(path, "\n".join([*old, line]) + "\n")


def _collect(folder: pathlib.Path, most: int, keep: pathlib.Path) -> None:
    """Removes what was used longest ago until the entries fit, and what writers that died left."""
    with _locked(folder / "lock"):
        entries, total = [], 0
        for path in folder.glob("*.neve"):
            with contextlib.suppress(OSError):
                s = path.stat()
                entries.append((s.st_mtime, s.st_size, path))
                total += s.st_size
        for _, size, path in sorted(entries):
            if total <= most or path == keep:
                continue
            for gone in (path.with_suffix(".json"), path, path.with_suffix(".lock")):
                gone.unlink(missing_ok=True)
            total -= size
        for path in folder.glob("*.tmp"):
            with contextlib.suppress(OSError):
                if time.time() - path.stat().st_mtime > 3600:
                    path.unlink()


def engine_for(folder: pathlib.Path, parts: dict[str, str], make: Callable[[], Any], most: int) -> tuple[Any, str]:
    """The engine of a key: read, or made and kept. With what happened, in words.

    One process makes it, others wait. A folder that cannot be written to costs the cache, not the engine.
    """
    from .. import load

    name = hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:40]
    archive = folder / f"{name}.neve"
    with _locked(folder / f"{name}.lock"):
        said = []
        if archive.exists() and archive.with_suffix(".json").exists():
            try:
                engine = load(archive)
                os.utime(archive)
                return engine, f"found ({archive.name})"
            except _neve.Error as error:
                said = [f"the kept entry was damaged: {error}"]
                archive.unlink(missing_ok=True)
        why = said or _why(folder, parts)
        _note_miss(folder, parts, why)
        engine = make()
        text = f"made, because of {'; '.join(why[:4])}"
        try:
            engine.save(archive)
            size = archive.stat().st_size
            if size > most:
                archive.unlink()
                return engine, f"{text}; not kept: {size} bytes, cache_bytes is {most}"
            _write(archive.with_suffix(".json"), json.dumps(parts, indent=1, sort_keys=True))
            _collect(folder, most, archive)
        except (OSError, _neve.Error) as error:
            text += f"; not kept: {error}"
        return engine, text
