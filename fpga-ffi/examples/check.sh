#!/usr/bin/env bash
# Installs the library into a prefix as a packager would, builds the examples against it with CMake and
# with pkg-config, and runs them on a tiny model. Uses cargo-c, or puts the same files in the same places
# itself; cmake, pkg-config and Python where they are there. With PREFIX, checks what is installed there.
#
#   fpga-ffi/examples/check.sh [PREFIX]
set -euo pipefail
cd "$(dirname "$0")/../.."
root=$PWD examples=$PWD/fpga-ffi/examples
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
prefix=${1:-$work/prefix}

say() { printf '\n-- %s\n' "$*"; }
has() { command -v "$1" >/dev/null || { echo "SKIPPED: $1 is not here, so $2"; return 1; }; }

# What cargo-c installs, from what cargo builds.
install_by_hand() {
    local target=${CARGO_TARGET_DIR:-$root/target}/release
    cargo rustc -p fpga-ffi --lib --release --locked -- -C link-arg=-Wl,-soname,libfpga.so.1
    mkdir -p "$prefix"/{include,lib/pkgconfig,share/cmake/fpga}
    cp include/fpga.h include/fpga.hpp "$prefix/include"
    cp "$target/libfpga.a" "$prefix/lib"
    cp "$target/libfpga.so" "$prefix/lib/libfpga.so.1.0.0"
    ln -sf libfpga.so.1.0.0 "$prefix/lib/libfpga.so.1"
    ln -sf libfpga.so.1 "$prefix/lib/libfpga.so"
    cp fpga-ffi/cmake/*.cmake "$prefix/share/cmake/fpga"
    cat >"$prefix/lib/pkgconfig/fpga.pc" <<PC
prefix=$prefix
libdir=\${prefix}/lib
includedir=\${prefix}/include

Name: fpga
Description: People in pictures, with their own faces
Version: 0.1.0
Libs: -L\${libdir} -lfpga
Cflags: -I\${includedir}
Libs.private: -lgcc_s -lutil -lrt -lpthread -lm -ldl
PC
}

if [ $# -eq 0 ]; then
    say install
    if cargo cinstall --version >/dev/null 2>&1; then
        cargo cinstall -p fpga-ffi --release --locked --prefix="$prefix" --libdir="$prefix/lib"
    else
        echo "cargo-c is not here (cargo install cargo-c --locked): installing by hand"
        install_by_hand
    fi
fi
for file in include/fpga.h include/fpga.hpp lib/libfpga.so lib/libfpga.so.1 lib/libfpga.a \
    lib/pkgconfig/fpga.pc share/cmake/fpga/fpga-config.cmake share/cmake/fpga/fpga-config-version.cmake; do
    test -e "$prefix/$file" || { echo "not installed: $file"; exit 1; }
done
readelf -d "$prefix/lib/libfpga.so" | grep -q 'SONAME.*\[libfpga.so.1\]' || { echo "wrong SONAME"; exit 1; }
strip -o "$work/stripped.so" "$prefix/lib/libfpga.so"
echo "libfpga.so stripped: $(stat -c %s "$work/stripped.so") bytes"

fixtures=$root/tests/fixtures model=$work/model
mkdir -p "$model"
cp -r "$fixtures"/txt2img/ddim/{unet,vae,scheduler,model_index.json} "$model"
cp -r "$fixtures/clip_prompt/text_encoder" "$model"
cp -r "$fixtures/clip_tokenizer/sd1" "$model/tokenizer"
{ printf 'P6 64 64 255\n'; head -c $((3 * 64 * 64)) "$fixtures/pictures/astronaut.png"; } >"$work/in.ppm"
try() { # the folder of the programs
    "$1/restore" "$model" "$work/in.ppm" 16 16 48 48 "$work/out.ppm" 32
    "$1/restore" "$root/fpga-core/model" "$work/in.ppm" 16 16 48 48 "$work/box.ppm" 128
    "$1/portrait" "$model" "a cat" "$work/cat.ppm" 32 4
    test "$(stat -c %s "$work/cat.ppm")" = $((13 + 3 * 32 * 32))
    ! "$1/restore" "$work" "$work/in.ppm" 16 16 48 48 "$work/none.ppm" 2>"$work/words" || exit 1
    grep -q FPGA_STATUS_FORMAT "$work/words"
}

say pkg-config
if has pkg-config "programs were not built with it"; then
    export PKG_CONFIG_PATH=$prefix/lib/pkgconfig
    mkdir "$work/pc"
    strict=(-Wall -Wextra -Werror -pedantic)
    read -ra flags < <(pkg-config --cflags --libs fpga)
    cc -std=c99 "${strict[@]}" "$examples/restore.c" "${flags[@]}" "-Wl,-rpath,$prefix/lib" -o "$work/pc/restore"
    c++ -std=c++17 "${strict[@]}" "$examples/portrait.cpp" "${flags[@]}" "-Wl,-rpath,$prefix/lib" -o "$work/pc/portrait"
    try "$work/pc"
fi

say CMake
if has cmake "programs were not built with it"; then
    cmake -S "$examples" -B "$work/build" -DCMAKE_PREFIX_PATH="$prefix" -DCMAKE_BUILD_TYPE=Release >"$work/log" || { cat "$work/log"; exit 1; }
    cmake --build "$work/build" >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
    try "$work/build"
    "$work/build/restore_static" "$model" "$work/in.ppm" 16 16 48 48 "$work/static.ppm" 32
fi

say Python
if has python3 "ctypes was not tried"; then
    python3 "$examples/portrait.py" "$prefix/lib/libfpga.so" "$model" "a cat" "$work/python.ppm" 32 4
    test "$(stat -c %s "$work/python.ppm")" = $((13 + 3 * 32 * 32))
fi
say "all built and ran"
