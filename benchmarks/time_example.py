"""Ask the example's algorithm for answers, and say what that took.

Run as a process of its own beside algorithm.py and held_out.json: `python time_example.py cold` has
one answer from a fresh process; `warm` has all from one that is kept, and prints an object:
`seconds` of each answer after the first, and the `answers`.
"""

import json
import sys
from pathlib import Path
from time import perf_counter

from torch_ergonomics import Worker, run_isolated

HERE = Path(__file__).resolve().parent
ALGORITHM = f"{HERE / 'algorithm.py'}:apply"


def main() -> None:
    images = json.loads((HERE / "held_out.json").read_text())["images"]
    if sys.argv[1] == "cold":
        run_isolated(ALGORITHM, {"pixels": images[0]}, threads=1)
        return
    seconds, answers = [], []
    with Worker(ALGORITHM, threads=1) as worker:
        for image in images:
            started = perf_counter()
            answers.append(worker({"pixels": image}))
            seconds.append(perf_counter() - started)
    print(json.dumps({"seconds": seconds[1:], "answers": answers}))


if __name__ == "__main__":
    main()
