"""Latency of one action chunk through the public OpenVLA-OFT code.

    python bench_public.py mid
    python bench_public.py SPEC.json --repeats 20

Random weights, batch of one, ready-made pixels and prompt: the towers one view at a time with
FiLM, the projector, the language model with its full-vocabulary logits, the head, the
un-normalisation. Prints one JSON object. See README.md for the environment this needs.
"""

import argparse
import json
import time
from pathlib import Path

import torch
from make_fixture import Reference, make_inputs, make_statistics
from public_code import complete, randomize

SPECS = Path(__file__).parent / "specs"
PROMPT_TOKENS = 20


def measure(reference: Reference, repeats: int, warmup: int) -> list[float]:
    """Milliseconds of each repeat."""
    draw = {"prompt_lengths": [PROMPT_TOKENS, PROMPT_TOKENS]}
    inputs = make_inputs({**reference.spec, "draw": draw}, torch.Generator().manual_seed(1))
    inputs["proprio"] = inputs["proprio"][:1]
    times = []
    with torch.inference_mode():
        for _ in range(warmup + repeats):
            start = time.perf_counter()
            reference.predict(inputs)
            times.append(1e3 * (time.perf_counter() - start))
    return times[warmup:]


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("recipe", help="a name under specs/, or a spec file")
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--warmup", type=int, default=2)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    named = SPECS / f"{arguments.recipe}.json"
    path = named if named.is_file() else Path(arguments.recipe)
    spec = complete(json.loads(path.read_text()))
    reference = Reference(spec, make_statistics(spec))
    randomize(reference.policy, torch.Generator().manual_seed(0))
    reference.add_film()
    times = torch.tensor(measure(reference, arguments.repeats, arguments.warmup))
    result = {
        "recipe": arguments.recipe,
        "p50_ms": round(times.quantile(0.5).item(), 1),
        "p95_ms": round(times.quantile(0.95).item(), 1),
        "threads": arguments.threads,
        "dtype": "float32",
        "repeats": arguments.repeats,
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
