"""Reads the TensorBoard files of a run with the real tensorboard package and compares them with its events.

    python tools/report/read_tensorboard.py RUN

Every line of every events.jsonl must be in the mirror, with the same step and the same numbers (as 32-bit floats), and
nothing else. Prints a line of JSON (stages, events, scalars). Needs tensorboard.
"""

import json
import struct
import sys
from pathlib import Path

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

TAGS = {
    "loss/whole": "loss", "loss/value head": "value", "loss/cell head": "cell", "loss/added by the method": "added",
    "genes/old": "old", "genes/new": "new", "learning rate": "lr",
}


def as_float32(value):
    return struct.unpack("f", struct.pack("f", value))[0]


def main(run):
    stages = events = scalars = 0
    for path in sorted(run.glob("models/*/*/*/events.jsonl")):
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        mirror = run / "tensorboard" / path.parent.relative_to(run / "models")
        seen = EventAccumulator(str(mirror), size_guidance={"scalars": 0}).Reload()
        for tag, key in TAGS.items():
            wanted = [(line["step"], as_float32(line[key])) for line in lines if line[key] is not None]
            found = [(e.step, e.value) for e in seen.Scalars(tag)] if tag in seen.Tags()["scalars"] else []
            assert found == wanted, f"{path}: {tag}: {found[:3]} is not {wanted[:3]}"
            scalars += len(found)
        extra = set(seen.Tags()["scalars"]) - set(TAGS)
        assert not extra, f"{path}: {extra} is not in the events"
        stages, events = stages + 1, events + len(lines)
    assert stages, f"{run} has no events"
    print(json.dumps({"stages": stages, "events": events, "scalars": scalars}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
