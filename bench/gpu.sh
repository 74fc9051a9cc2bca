#!/usr/bin/env bash
# Everything that needs a GPU in one command of at most ten minutes, on a machine without a network:
#
#     bash bench/gpu.sh [--stages "tests sd small"] [--data FOLDER] [--minutes 10] [--weights-mb 48] [--cpu] [--dry-run]
#
#   tests   the tests marked `gpu`
#   sd      bench/sd.py: pairs a second and memory of Stable Diffusion's architecture, the published procedure against ours
#   small   fit --preset small on FOLDER (default: a drawn product), then 16 pairs
#
# Each stage has its own time limit and its own log; one that fails or runs out of time leaves the others alone. In $OUT (default: gpu-out) are
# then summary.txt, results.tar.gz (logs, JSON, sheets), and weights.tar in parts of at most 15 MB (weights.tar.00, ...: join them with cat), where
# they are within --weights-mb. Exit status: 0 all stages went well, 1 not all, 2 wrong usage or packages missing.
#
# --cpu goes through the same with tiny settings in a minute or two, to try the script; --dry-run prints the commands and runs nothing.
#
# Packages come from wheels in the folder .whl, if there is one (another: WHEELS=FOLDER), beside what the machine's Python (PYTHON=python3) has. To fill
# it where there is a network, for Python 3.12 on x86-64 Linux, with the names that this script says are missing (torch must be there already):
#
#     pip download --no-deps --only-binary=:all: --python-version 3.12 --implementation cp --platform manylinux_2_28_x86_64 \
#         --platform manylinux2014_x86_64 -c constraints.txt -d .whl diffusers opencv-python-headless ...
set -uo pipefail
cd "$(dirname "$0")/.."

stages="tests sd small" data="" minutes=10 weights_mb=48 device=cuda dry="" mode=gpu
while [ $# -gt 0 ]; do
    case "$1" in
        --stages) stages="$2"; shift ;;
        --data) data="$2"; shift ;;
        --minutes) minutes="$2"; shift ;;
        --weights-mb) weights_mb="$2"; shift ;;
        --cpu) device=cpu mode=cpu ;;
        --dry-run) dry=1 ;;
        *) echo "gpu.sh: got $1, expected --stages, --data, --minutes, --weights-mb, --cpu or --dry-run" >&2; exit 2 ;;
    esac
    shift
done
for name in $stages; do
    case "$name" in tests | sd | small) ;; *) echo "gpu.sh: --stages: got $name, expected tests, sd or small" >&2; exit 2 ;; esac
done

python=${PYTHON:-python3} wheels=${WHEELS:-.whl}
out=$(realpath -m "${OUT:-gpu-out}") work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$out" "$work/results" "$work/weights"
summary=$work/summary.txt
failed=0

# run NAME SECONDS COMMAND...: the command under a time limit, what it prints in results/NAME.log; its end and seconds go into the summary.
run() {
    local name=$1 limit=$2 begun=$SECONDS left rc=0
    shift 2
    left=$((60 * minutes - SECONDS - 15)) # 15 s to pack
    [ "$left" -lt "$limit" ] && limit=$left
    if [ -n "$dry" ]; then echo "$name (at most $limit s): $*"; return; fi
    if [ "$limit" -le 0 ]; then
        rc=124
    else
        timeout -k 5 "$limit" "$@" >"$work/results/$name.log" 2>&1 || rc=$?
    fi
    local end="ok"
    [ "$rc" -ne 0 ] && end="failed ($rc)" failed=1
    [ "$rc" -eq 124 ] && end="out of time"
    echo "$name: $end, $((SECONDS - begun)) s" | tee -a "$summary"
    [ "$rc" -eq 0 ] || tail -n 15 "$work/results/$name.log" 2>/dev/null
    return "$rc"
}

export PYTHONUNBUFFERED=1 HF_HUB_OFFLINE=1
export PYTHONPATH="$PWD/src:$PWD/bench${PYTHONPATH:+:$PYTHONPATH}"
if compgen -G "$wheels/*.whl" >/dev/null; then
    run install 60 "$python" -m pip install -q --no-index --no-deps --no-compile --no-cache-dir --target "$work/site" "$wheels"/*.whl
    export PYTHONPATH="$PYTHONPATH:$work/site"
fi

missing=$("$python" - <<'PYTHON'
import re
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

text = Path("pyproject.toml").read_text(encoding="utf-8")
needed = re.findall(r'"([A-Za-z0-9_.-]+)', re.search(r"^dependencies = \[(.*?)^\]", text, re.M | re.S)[1]) + ["transformers", "pytest"]
for name in needed:
    try:
        version(name)
    except PackageNotFoundError:
        print(name, end=" ")
PYTHON
) || exit 2
if [ -n "$missing" ] && [ -z "$dry" ]; then
    echo "gpu.sh: $python lacks $missing; put their wheels into $wheels (the first lines of this script say how)." >&2
    exit 2
fi

run machine 60 "$python" -m flawsmith doctor
tiny=()
if [ "$mode" = cpu ]; then
    for key in model.width=32 model.depth=1 model.head_dim=16 data.window=32 training.init=none training.steps=2 \
        training.batch=2 training.warmup=1 training.log_every=1 generation.steps=2 generation.attempts=1; do tiny+=(--set "$key"); done
fi

for stage in $stages; do
    case "$stage" in
        tests) run tests 150 "$python" -m pytest -q -m gpu -rs tests/gpu ;;
        sd)
            size=() && [ "$mode" = cpu ] && size=(--reduced --steps 2 --batch 1 --pairs 1)
            run sd 220 "$python" bench/sd.py --device "$device" "${size[@]}" -o "$work/results/sd.json"
            ;;
        small)
            if [ -z "$data" ]; then
                data=$work/drawn
                [ -n "$dry" ] || "$python" -c "import sys; from pathlib import Path; from drawn import write_drawn; write_drawn(Path(sys.argv[1]))" "$data"
            fi
            run small-fit 180 "$python" -m flawsmith fit "$data" -o "$work/small" --preset small --max-minutes 2 --device "$device" --json "${tiny[@]}" &&
                run small-generate 60 "$python" -m flawsmith generate "$work/small" -o "$work/pairs" --count "$([ "$mode" = cpu ] && echo 1 || echo 16)" \
                    --device "$device" --json
            [ -f "$work/small/log.jsonl" ] && cp "$work/small/log.jsonl" "$work/results/small-log.jsonl"
            [ -f "$work/pairs/sheet.png" ] && cp "$work/pairs/sheet.png" "$work/results/small-sheet.png"
            [ -f "$work/small/model/model.safetensors" ] && cp "$work/small/model/model.safetensors" "$work/weights/small.safetensors"
            ;;
    esac
done
[ -n "$dry" ] && exit 0

tar -C "$work" -czf "$out/results.tar.gz" results
size=$(du -sm "$work/weights" | cut -f1)
rm -f "$out"/weights.tar.*
if compgen -G "$work/weights/*" >/dev/null; then
    if [ "$size" -le "$weights_mb" ]; then
        tar -C "$work" -cf - weights | split -b 15000000 -d - "$out/weights.tar."
        echo "weights: $size MB, in weights.tar.*" | tee -a "$summary"
    else
        echo "weights: $size MB are left out, more than --weights-mb $weights_mb" | tee -a "$summary"
    fi
fi
echo "all: $SECONDS s" | tee -a "$summary"
cp "$summary" "$out/summary.txt"
exit "$failed"
