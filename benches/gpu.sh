#!/usr/bin/env bash
# What there is to measure on a graphics card, in one run of under ten minutes: benches/gpu.sh [DEVICE] [PRECISION]
# (cuda:0, f16). Results go to $OUT (target/gpu): `report.md`, and every line and log it was made of.
#   FPGA_BIN       folder of the programs `parity` and `card`, built elsewhere; without it they are built here
#   FPGA_PYTHON    a Python with torch and diffusers; the peer's columns stay empty where there is none
#   FPGA_TINY=1    tiny networks and few cases, to try the script itself; works with the device cpu
# Times are this machine's: read ratios to the peer, which ran in the same minutes.
set -euo pipefail
cd "$(dirname "$0")/.."
device=${1:-cuda:0} precision=${2:-f16}
out=${OUT:-target/gpu}
python=${FPGA_PYTHON:-python3}
mkdir -p "$out"
rm -f "$out"/*.jsonl "$out"/*.log "$out/report.md"

case $device in
    cuda*) feature=cuda torch_device=cuda ;;
    cpu) feature=flex torch_device=cpu ;;
    *) feature=wgpu torch_device=cuda ;;
esac
bin=${FPGA_BIN:-${CARGO_TARGET_DIR:-target}/release}
if [ -z "${FPGA_BIN:-}" ]; then
    cargo build --release --locked -p fpga-tests -p fpga-benches --no-default-features \
        --features "fpga-tests/$feature,fpga-benches/$feature" --bin parity --bin card
fi

# Name of the result, size, side, runs, steps, seconds for this library, seconds for the peer.
if [ -n "${FPGA_TINY:-}" ]; then
    sizes=("tiny tiny 64 2 3 60 60") eager=--eager skip='/(scheduler|vae|clip|noise|txt2img|mgmica|consistentid)'
else
    sizes=("sd15-512 sd15 512 10 20 60 80" "sd15-1024 sd15 1024 5 20 45 80" "sdxl-1024 sdxl 1024 5 20 80 120") eager= skip=
fi

# Bytes that the card has in use, every quarter of a second, whoever uses them.
watch_memory() {
    command -v nvidia-smi >/dev/null || return 0
    nvidia-smi --query-gpu=memory.used --format=csv,noheader,nounits -lms 250 >"$1" 2>/dev/null &
    watcher=$!
}
peak() { if [ -s "$1" ]; then echo "$(sort -n "$1" | tail -n 1) MiB"; else echo "not measured"; fi; }

# A work that fails or takes too long leaves its place in the table empty; the others go on.
measured() { timeout "$1" "${@:3}" >>"$2.jsonl" 2>>"$2.log" || echo "failed: ${*:3}" | tee -a "$2.log" >&2; }

{
    echo "## $device, $precision"
    echo
    nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader 2>/dev/null || true
    "$python" -c 'import torch, diffusers; print(f"torch {torch.__version__}, diffusers {diffusers.__version__}")' \
        2>/dev/null || echo "no PyTorch at hand"
    echo
} >"$out/report.md"

for each in f32 "$precision"; do
    FPGA_SKIP=$skip FPGA_PARITY="$bin/parity" FPGA_JOBS=${FPGA_JOBS:-8} timeout 60 tests/gpu.sh "$device" "$each" >"$out/parity-$each.log" 2>&1 || true
    echo "Parity: $(tail -n 1 "$out/parity-$each.log")" >>"$out/report.md"
    [ "$precision" = f32 ] && break
done
echo >>"$out/report.md"

files=()
for line in "${sizes[@]}"; do
    read -r name size side runs steps own peers <<<"$line"
    watcher=
    watch_memory "$out/$name.memory"
    measured "$own" "$out/$name" "$bin/card" "$size" --device "$device" --precision "$precision" \
        --side "$side" --runs "$runs" --steps "$steps"
    [ -n "$watcher" ] && kill "$watcher"
    measured "$peers" "$out/$name" "$python" benches/compare/peer_card.py "$size" --device "$torch_device" \
        --precision "$precision" --side "$side" --runs "$runs" --steps "$steps" $eager
    touch "$out/$name.jsonl"
    files+=("$out/$name.jsonl")
    echo "$name: peak of the card's memory while this library ran: $(peak "$out/$name.memory")" >>"$out/report.md"
done
echo >>"$out/report.md"
"$python" benches/compare/card_report.py "${files[@]}" >>"$out/report.md"
cat "$out/report.md"
