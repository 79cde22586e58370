"""Calls the algorithm in processes of its own: a fresh one for one call, then one for many."""

import json
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

from torch_ergonomics import Worker, run_isolated

HERE = Path(__file__).resolve().parent
ALGORITHM = f"{HERE / 'algorithm.py'}:apply"
# One small image is no work to share: threads would wait for each other.
THREADS = 1


def say(how: str, answer: dict[str, Any], seconds: float) -> None:
    sure = answer["probabilities"][answer["class"]]
    print(f"{how}: a {answer['class']}, {sure:.1%} sure, in {seconds:.2f} s")


def main() -> None:
    held_out = json.loads((HERE / "held_out.json").read_text())
    calls = [{"pixels": image} for image in held_out["images"]]

    started = perf_counter()
    answer = run_isolated(ALGORITHM, calls[0], timeout=60, threads=THREADS)
    say("run_isolated", answer, perf_counter() - started)

    started = perf_counter()
    with Worker(ALGORITHM, timeout=60, threads=THREADS) as worker:
        answer = worker(calls[0])
        say("Worker, its first answer", answer, perf_counter() - started)
        times, answers = [], []
        for call in calls:
            started = perf_counter()
            answers.append(worker(call))
            times.append(perf_counter() - started)
    print(f"Worker, {len(calls)} answers: {median(times) * 1e3:.1f} ms each")
    pairs = zip(answers, held_out["labels"], strict=True)
    print(f"right: {sum(answer['class'] == label for answer, label in pairs)} of {len(calls)}")


if __name__ == "__main__":
    main()
