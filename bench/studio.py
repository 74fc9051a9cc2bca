"""How quickly the studio answers with many pairs in the project while a fit runs on the same cores, and how quickly pairs are reviewed.

    python bench/studio.py [--pairs 20000] [--rounds 60] [--seconds 60] [--work DIR]

Draws a product and a set of pairs with hard links to a few pictures (not counted; --work keeps them for the next time), starts a studio
and in it a fit of the preset `tiny` that takes all cores, and asks for pages, lists, thumbnails and pictures one after the other as a page
does. Then a browser (chromium) reviews by keys alone. Prints tables: milliseconds by kind of request; the server's peak of resident
memory, pictures reviewed a minute, requests to elsewhere, and the steps that the fit took meanwhile. The exit status is 1 where a floor
is missed.
"""

import argparse
import http.client
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import cv2
import numpy as np
from drawn import write_drawn

SIZE = 256  # pixels across
PAGE, SEEN = 60, 8  # items that a grid asks for at once, and thumbnails that are looked at of these
PICTURES = 48  # that are drawn; the pairs' files are links to them
NAME = "many"
KINDS = ("scratch", "dent", "stain")
IDLE = 3.0  # seconds after which a connection is not used again
# that a pair is shown, by its place in the queue, and its picture is there
SHOWN = """place => document.querySelector("[data-place]").textContent.startsWith(`${place} of`)
  && document.querySelector("[data-over]").hidden"""
FLOORS = {"p95": 200.0, "reviewed": 60.0, "memory": 400.0}  # milliseconds at most, a minute at least, MB at most


def main() -> None:
    """Print the measurement as tables; exit with 1 where it misses a floor."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=20_000)
    parser.add_argument("--seconds", type=float, default=60, help="of reviewing in the browser")
    parser.add_argument("--rounds", type=int, default=60, help="requests of each kind")
    parser.add_argument("--work", type=Path, help="folder that keeps what is drawn")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = (args.work or Path(folder)).absolute()
        draw(root, args.pairs)
        sys.exit(show(*measure(root, args)))


def draw(root: Path, count: int) -> None:
    """Write ROOT/parts, a product, and ROOT/parts.studio with a set of pairs, unless they are there."""
    from flawsmith.pairs.folder import PairFolder
    from flawsmith.studio.home import Home

    if not (root / "parts").is_dir():
        write_drawn(root / "parts", SIZE, normals=PICTURES, defects=12)
    project = Home(root / "home").open(root / "parts")
    folder = PairFolder(project.place("pairs", NAME))
    if folder.begun:
        return
    folder.begin()
    g, rows = np.random.default_rng(0), []
    normals = sorted((root / "parts/train/good").glob("*.png"))
    drawn = [_picture(root / "drawn", number, normals[number % len(normals)], g) for number in range(PICTURES)]
    for kind in KINDS:
        for part in (f"test/{kind}", f"ground_truth/{kind}"):
            (folder.folder / part).mkdir(parents=True)
    for number in range(count):
        pair, kind = f"{number:06d}", KINDS[number % len(KINDS)]
        image, mask, box, area = drawn[number % PICTURES]
        row = _row(pair, kind, normals[number % PICTURES], box, area, g)
        os.link(image, folder.folder / row["image"])
        os.link(mask, folder.folder / row["mask"])
        rows.append(json.dumps(row) + "\n")
    (folder.rows).write_text("".join(rows), encoding="utf-8")
    (folder.folder / "limits.json").write_text(json.dumps({kind: _limits() for kind in KINDS}), encoding="utf-8")


SCORES = {  # name: mean and deviation
    **{"side": (90, 20), "thickness": (9, 2), "consistency": (0.8, 0.05), "softness": (2, 0.4), "grain": (0, 0.4), "outside": (0.01, 0.01)},
    **{f"{what}{colour}": (0.2, 0.1) for what in ("tone", "dark", "bright") for colour in range(3)},
    **{"copy": (0.4, 0.1), "place": (0.1, 0.05), "product": (0.6, 0.1), "detail": (0.9, 0.1), "unevenness": (-3, 0.5), "spread": (0, 0.3)},
    **{"middle": (0.2, 0.1), "seam": (1, 0.1), "halo": (1, 0.2), "elongation": (4, 1), "parts": (1, 0.1), "continues": (-1, 0.2)},
    **{"along": (0, 0.3), "strange": (-2.5, 0.3), "missing": (-2.5, 0.3), "visible": (0.2, 0.05)},
}


def _row(pair: str, kind: str, normal: Path, box: list[int], area: int, g: np.random.Generator) -> dict[str, Any]:
    """Return a row as long as those of `generate`."""
    scores = {name: round(float(g.normal(*shape)), 4) for name, shape in SCORES.items()} | {"area": float(area)}
    placed = {"defect": kind, "box": box, "area": area, "region": box, "shape": "given", "source": "001.png", "severity": 1.0}
    placed |= {"scores": scores, "reasons": [], "follows": ["002.png", "000.png", "001.png"]}
    row: dict[str, Any] = {"id": pair, "defect": kind, "verdict": "accepted", "attempt": 0, "image": f"test/{kind}/{pair}.png"}
    row |= {"mask": f"ground_truth/{kind}/{pair}_mask.png", "mask_form": "exact", "other_mask": None, "reasons": [], "scores": scores}
    row |= {"seed": int(pair), "normal": str(normal), "model": "0123456789abcdef", "settings": "0123456789abcdef", "source_format": "PNG"}
    return row | {"size": [SIZE, SIZE], "region": box, "severity": 1.0, "defects": [placed]}


def _limits() -> dict[str, dict[str, float]]:
    """Return limits that nearly all scores are within."""
    found = {}
    for name, (mean, deviation) in SCORES.items():
        low, least, median, most, high = (mean + share * deviation for share in (-4, -2, 0, 2, 4))
        found[name] = {"low": low, "high": high, "least": least, "median": median, "most": most}
    return found


def _picture(folder: Path, number: int, normal: Path, g: np.random.Generator) -> tuple[Path, Path, list[int], int]:
    """Write a picture with a defect and its mask; return their paths, the mask's box and its area."""
    image, mask = cv2.imread(str(normal), cv2.IMREAD_UNCHANGED), np.zeros((SIZE, SIZE), np.uint8)
    start = g.integers(40, SIZE - 40, 2)
    cv2.ellipse(mask, tuple(map(int, start)), (int(g.integers(8, 30)), 5), float(g.uniform(0, 180)), 0, 360, 255, -1)
    folder.mkdir(exist_ok=True)
    paths = folder / f"{number}.png", folder / f"{number}_mask.png"
    cv2.imwrite(str(paths[0]), np.where(mask > 0, image // 2, image))
    cv2.imwrite(str(paths[1]), mask)
    rows, columns = np.nonzero(mask)
    box = [int(rows.min()), int(columns.min()), int(np.ptp(rows)) + 1, int(np.ptp(columns)) + 1]
    return *paths, box, int((mask > 0).sum())


class Asking:
    """What asks a studio as one of its pages does, on one connection, and notes how long each answer takes."""

    def __init__(self, address: str) -> None:
        """address: "http://127.0.0.1:PORT"."""
        self.address = address
        self._connection = http.client.HTTPConnection(address.removeprefix("http://"), timeout=60)
        self.took: dict[str, list[float]] = {}  # milliseconds by kind of request
        self._used = time.monotonic()

    def __call__(self, kind: str, path: str, body: Any = None) -> bytes:
        """Return an answer's body. Raises RuntimeError for one that is no success."""
        content = None if body is None else json.dumps(body)
        headers = {"Origin": self.address, "Content-Type": "application/json"} if body is not None else {}
        if time.monotonic() - self._used > IDLE:
            self._connection.close()  # so does the server; it is opened again
        begun = time.perf_counter()
        self._connection.request("GET" if body is None else "POST", path, content, headers)
        answer = self._connection.getresponse()
        found = answer.read()
        self.took.setdefault(kind, []).append(1000 * (time.perf_counter() - begun))
        self._used = time.monotonic()
        if answer.status != 200:
            raise RuntimeError(f"{path}: {answer.status} {found[:300]!r}")
        return found

    def json(self, kind: str, path: str, body: Any = None) -> Any:
        """Return an answer as JSON."""
        return json.loads(self(kind, path, body))


@dataclass
class Found:
    """What was measured beside the times of answers."""

    indexed: float  # seconds until the studio had read the set
    steps: int  # of the fit, while it was measured
    reviewed: float  # pictures a minute
    memory: float  # MB
    requests: int  # of the browser
    elsewhere: int  # of these, to anything but this studio


def measure(root: Path, args: argparse.Namespace) -> tuple[dict[str, list[float]], Found]:
    """Return milliseconds by kind of request, and what else was measured."""
    for room in ("thumbnails", "jobs", "runs"):  # of a measurement before
        shutil.rmtree(root / "parts.studio" / room, ignore_errors=True)
    for path in (root / "parts.studio").glob("studio.sqlite*"):
        path.unlink()
    (root / f"parts.studio/pairs/{NAME}/review.jsonl").unlink(missing_ok=True)
    with served(root / "home") as (address, pid):
        ask = Asking(address)
        review = f"/p/parts/api/review/{NAME}"
        begun = time.monotonic()
        wait(lambda: ask.json("the set's state while it is read", review)["read"] == 1, 600)
        indexed = time.monotonic() - begun
        wish = {"name": "run", "preset": "tiny", "minutes": 60, "settings": ["training.log_every=1"]}
        state = f"/p/parts/api/runs/{ask.json('start of a fit', '/p/parts/api/runs', wish)['name']}"
        try:
            before = wait(lambda: ask.json("a run's state", state)["run"]["step"], 600)
            ask_all(ask, review, args.rounds)
            reviewed, asked = by_keys(address, args.seconds)
            now = ask.json("a run's state", state)["run"]
            assert now["state"] == "running", f"the fit ended too early: {now['state']} {now['reason']}"
        finally:
            ask("stop of a fit", f"{state}/stop", {})
            wait(lambda: ask.json("a run's state", state)["run"]["state"] != "running", 120)
        elsewhere = [url for url in asked if urlsplit(url).scheme not in ("data", "blob") and not url.startswith(f"{address}/")]
        found = Found(indexed, now["step"] - before, reviewed, memory(pid), len(asked), len(elsewhere))
    return ask.took, found


def ask_all(ask: Asking, review: str, rounds: int) -> None:
    """Ask for each kind of answer some times, mixed as several tabs would, in an order that is the same each time."""
    g = random.Random(0)
    ids = ask.json("the queue: ids in an order", f"{review}/order")["ids"]
    rooms = re.findall(r'<a href="(/p/parts/\w+)"', ask("page: data", "/p/parts/data").decode())
    decided = [{"reviewer": "anna", "ids": [id], "decision": g.choice(["accept", "reject", "skip"])} for id in g.sample(ids, rounds)]
    for body in decided:
        for room in rooms:
            ask(f"page: {room.rsplit('/', 1)[1]}", room)
        ask("page: the queue", f"{review.replace('/api', '')}")
        sort, down = g.choice(["realism", "consistency", "novelty", "size", "kind", "disputed"]), g.choice(["true", "false"])
        kind = g.choice(["", *KINDS])
        ask("the queue: ids in an order", f"{review}/order?sort={sort}&down={down}&kind={kind}")
        start = g.randrange(len(ids) - PAGE)
        page = ids[start : start + PAGE]
        ask("the grid: 60 items", f"{review}/items?{'&'.join(f'id={id}' for id in page)}")
        for id in page[:SEEN]:
            ask("thumbnail, made", f"{review}/thumbnail?id={id}")
            ask("thumbnail, there", f"{review}/thumbnail?id={id}")
        for what in ("pair", "picture", "mask", "normal"):
            ask(f"a pair: {what}", f"{review}/{what}?id={body['ids'][0]}")
        acts = ask.json("the set's state", review)["acts"]
        ask("decision", f"{review}/decide", body)
        ask("what others decided", f"{review}/changes?after={acts}")
        ask("undo", f"{review}/undo", {"reviewer": "anna"})
        ask("redo", f"{review}/redo", {"reviewer": "anna"})
        for what in ("jobs", "runs", "reports", "exports", f"exports/review/{NAME}", "data", "pictures?offset=0&count=50"):
            ask(f"api: {what.split('?')[0]}", f"/p/parts/api/{what}")


def by_keys(address: str, seconds: float) -> tuple[float, list[str]]:
    """Return how many pictures a minute are decided in a browser by keys alone, each shown first, and all addresses that it asked for."""
    from playwright.sync_api import sync_playwright

    asked: list[str] = []
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox", "--disable-gpu", "--disable-quic"])
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.on("request", lambda request: asked.append(request.url))
        page.context.add_cookies([{"name": "flawsmith-reviewer", "value": "ben", "url": address}])
        page.goto(f"{address}/p/parts/review/{NAME}")
        page.wait_for_function(SHOWN, arg="1")
        begun, count = time.monotonic(), 0
        while time.monotonic() - begun < seconds:
            count += 1
            page.keyboard.press("axs2"[count % 4])
            page.wait_for_function(SHOWN, arg=f"{count + 1:,}", polling=5)
        rate = 60 * count / (time.monotonic() - begun)
        browser.close()
    return rate, asked


def show(took: dict[str, list[float]], found: Found) -> int:
    """Print the tables; return 1 where a floor is missed, else 0."""
    print("| answer | asked | p50, ms | p95, ms | most, ms |\n|---|---|---|---|---|")
    for kind, times in sorted(took.items()):
        print(f"| {kind} | {len(times)} | {_shares(times)} |")
    together = [one for times in took.values() for one in times]
    print(f"| **all** | {len(together)} | {_shares(together)} |\n")
    slow = [kind for kind, times in took.items() if np.percentile(times, 95) > FLOORS["p95"]]
    print("| what | measured | floor |\n|---|---|---|")
    print(f"| pictures reviewed by keys, a minute | {found.reviewed:.0f} | {FLOORS['reviewed']:.0f} |")
    print(f"| memory of the server, at most | {found.memory:.0f} MB | {FLOORS['memory']:.0f} MB |")
    print(f"| requests of the browser to elsewhere, of {found.requests:,} | {found.elsewhere} | 0 |")
    print(f"| answers whose p95 is above {FLOORS['p95']:.0f} ms | {', '.join(slow) or 'none'} | none |")
    print(f"| reading the set at first | {found.indexed:.0f} s | |\n| steps of the fit meanwhile | {found.steps} | |")
    bad = slow or found.elsewhere or found.memory > FLOORS["memory"] or found.reviewed < FLOORS["reviewed"]
    return 1 if bad else 0


def _shares(times: list[float]) -> str:
    return " | ".join(f"{value:.0f}" for value in (*np.percentile(times, (50, 95)), max(times)))


@contextmanager
def served(home: Path) -> Iterator[tuple[str, int]]:
    """Run a studio; gives its address and the number of its process."""
    words = [sys.executable, "-m", "flawsmith", "studio", "--home", str(home), "--port", "0", "--no-browser"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            found = re.search(r"http://[^/\s]+", process.stdout.readline())
            assert found, "the studio did not start"
            yield found[0], process.pid
        finally:
            process.terminate()


def memory(pid: int) -> float:
    """Return the most resident memory that a process has held, in MB."""
    said = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+)", said)[1]) / 1024  # type: ignore[index]


def wait(until: Callable[[], Any], seconds: float) -> Any:
    """Return what `until` returns once it is true."""
    end = time.monotonic() + seconds
    while not (found := until()):
        if time.monotonic() > end:
            raise RuntimeError("it did not come about in time")
        time.sleep(0.2)
    return found


if __name__ == "__main__":
    main()
