#!/usr/bin/env bash
# What to carry to a machine that has a card, but no compiler: benches/carry.sh FOLDER [FEATURES]
# Builds small programs (profile `carry`; the same machine code is kept once, addresses are fixed) and lays them into
# FOLDER with the scripts and cases that they need. There: FPGA_BIN=bin benches/gpu.sh wgpu:0 f16; with
# the features `flex,cuda`, cuda:0.
set -euo pipefail
folder=$(realpath -m "${1:?benches/carry.sh FOLDER [FEATURES]}")
cd "$(dirname "$0")/.."
features=${2:-flex,wgpu}

# LLVM's linker is needed, which Rust takes by itself on x86-64 Linux.
small=(-C link-arg=-Wl,--icf=all -C relocation-model=static)
build() {
    cargo rustc --profile carry --locked -p "$1" --no-default-features --features "$features" --bin "$2" -- "${small[@]}"
    install -D "${CARGO_TARGET_DIR:-target}/carry/$2" "$folder/bin/$2"
}
build fpga-tests parity
build fpga-benches card

# With their folders.
cp -r --parents benches/*.sh benches/*/*.py benches/support tests/gpu.sh tests/fixtures "$folder"
du -h "$folder/bin"/*
