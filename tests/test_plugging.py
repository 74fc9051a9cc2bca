"""Adding a check, a metric, a sampler, a label format, a format to export to or a backbone is one file, beside the others.

What each of them then does is tested beside its registry. Here the package is copied, one file of each kind is added, and everything that
a user chooses from must know it.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import flawsmith

FILES = {
    "quality/checks/odd.py": """
from flawsmith.quality.registry import Check
CHECK = Check("odd", "Is it even?", lambda view, normal, generator: iter(()))
""",
    "metrics/odd.py": """
from flawsmith.metrics.registry import MASKS, Column, Metric, missing, register
METRIC = register(Metric("odd", "Odd", "masks", MASKS, lambda sides: missing("never"), (Column("Odd"),), "Whether it is odd."))
""",
    "diffusion/samplers/odd.py": """
from flawsmith.diffusion.samplers.registry import sampler
@sampler("odd")
def sample_odd(denoise, x, times, draw_noise, callback):
    return denoise(x, times[0])
""",
    "formats/readers/odd.py": """
from flawsmith.dataset.scan import Scan
from flawsmith.formats.registry import Format
FORMAT = Format(
    "odd", "Odd", lambda files: "odd.txt" if (files.root / "odd.txt").is_file() else None, lambda files, options: Scan(files.root)
)
""",
    "formats/writers/odd.py": """
from flawsmith.formats.writers.registry import Writer, nothing_more
WRITER = Writer("odd", "an odd one", exact=True, write=lambda rows, place: iter(()), finish=nothing_more, use="nobody")
""",
    "models/backbones/odd.py": """
from dataclasses import replace
from flawsmith.models.backbones import own
FAMILY = replace(own.FAMILY, name="odd", recognises=lambda backbone: backbone == "odd/odd")
""",
}

ASK = """
import json
import torch
from flawsmith.diffusion.samplers import sample
from flawsmith.formats.registry import formats
from flawsmith.formats.writers.registry import writers
from flawsmith.metrics.registry import metrics
from flawsmith.models.backbones.registry import family_of
from flawsmith.quality.registry import checks
from flawsmith.reports.verdicts import meanings
drawn = sample("odd", lambda x, t: torch.zeros_like(x), torch.ones(1, 1, 2, 2), [1.0, 0.0], lambda: torch.ones(1, 1, 2, 2))
print(json.dumps({
    "check": [check.name for check in checks()], "question": list(meanings()), "metric": [metric.name for metric in metrics()],
    "format": [one.name for one in formats()],
    "writer": [one.name for one in writers()], "backbone": [family_of("odd/odd").name], "sampler": [float(drawn.sum())],
}))
"""


def test_one_file_each_is_enough(tmp_path: Path) -> None:
    shutil.copytree(Path(flawsmith.__file__).parent, tmp_path / "flawsmith")
    for name, text in FILES.items():
        (tmp_path / "flawsmith" / name).write_text(text)
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    asked = subprocess.run([sys.executable, "-c", ASK], capture_output=True, text=True, env=environment, cwd=tmp_path, check=False)
    assert asked.returncode == 0, asked.stderr
    known = json.loads(asked.stdout)
    assert known.pop("sampler") == [0.0], "drawn by the added one"
    assert all("odd" in names for names in known.values()), known
