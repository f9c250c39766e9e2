#!/usr/bin/env python3
"""A character-level GPT on the Zen of Python, which ships with Python: trains it, then writes on: python examples/04_char_gpt.py"""

import codecs
import contextlib
import io
import sys
import time

import neve
import numpy as np
from neve import models
from neve.nn import functional as F

with contextlib.redirect_stdout(io.StringIO()):  # the module prints itself
    import this

STEPS, BATCH, LENGTH, SEED, GOAL = 160, 12, 48, 1, 1.5


def main():
    text = codecs.decode(this.s, "rot13")
    letters = sorted(set(text))
    place = {c: i for i, c in enumerate(letters)}
    data = neve.tensor(np.array([place[c] for c in text]))
    print(
        f"{len(text)} characters, {len(letters)} different; a model without knowledge has loss {np.log(len(letters)):.2f}"
    )

    neve.manual_seed(SEED)
    model = models.GPT2LMHeadModel(
        len(letters), n_positions=128, n_embd=64, n_layer=2, n_head=4, embd_pdrop=0.0, attn_pdrop=0.0, resid_pdrop=0.0
    )
    optimizer = neve.optim.AdamW(model.parameters(), lr=4e-3, betas=(0.9, 0.99))
    schedule = neve.optim.lr_scheduler.CosineAnnealingLR(optimizer, STEPS)
    start, mean = time.perf_counter(), None
    for step in range(STEPS):
        begin = neve.randint(0, len(text) - LENGTH - 1, (BATCH, 1))
        window = data[begin + neve.arange(LENGTH + 1)]
        logits = model(window[:, :-1]).logits
        loss = F.cross_entropy(logits.reshape(-1, len(letters)), window[:, 1:].reshape(-1))
        optimizer.zero_grad()
        loss.backward()
        neve.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        mean = loss.item() if mean is None else 0.8 * mean + 0.2 * loss.item()
        if step % 20 == 19:
            print(f"step {step + 1:3}: loss {mean:.3f}", flush=True)
    print(f"trained in {time.perf_counter() - start:.1f} s")

    prompt = neve.tensor([[place[c] for c in "Now is better"]])
    for title, options in [("most likely", {}), ("drawn", {"do_sample": True, "temperature": 0.8, "top_k": 8})]:
        words = model.generate(prompt, 100, **options)
        print(f"--- {title}:\n{''.join(letters[i] for i in words[0].tolist())}")
    if mean > GOAL:
        print(f"char_gpt: loss {mean:.3f} (at most {GOAL} wanted)", file=sys.stderr)
        return 1
    print(f"loss at most {GOAL}: pass")
    return 0


if __name__ == "__main__":
    sys.exit(main())
