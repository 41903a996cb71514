# Plugins for CMSSW's hls4ml emulator loader: made by the command, built with its Makefile, taken by the loader. The loader
# is our stand-in in both lifetimes; with TGL_HLS4ML_EMULATOR_EXTRAS=DIR (a checkout of hls4mlEmulatorExtras) also the real
# one. ap_types come with the hls4ml wheel of the peers.
set -eu
skip() {
    echo "skipped: $1"
    [ "${TGL_REQUIRE_SHARED:-}" = 1 ] && exit 1
    exit 77
}
cxx=${TGL_CXX:-c++}
flags=$(printf '%s' "${TGL_CXX_FLAGS:-}" | sed 's/,undefined//') # ap_types itself shifts negative numbers
command -v "$cxx" >/dev/null || skip "no C++ compiler"
l1=${TGL_SHARED_DIR:-/none}/testdata/l1
[ -e "$l1/axol1tl_v4.json" ] || skip "no deployed network at $l1"
ap_types=${TGL_AP_TYPES:-}
if [ -z "$ap_types" ]; then
    ap_types=$("$TGL_SOURCE_DIR/tools/peer-python" -c 'import importlib.util as u, os
print(os.path.join(os.path.dirname(u.find_spec("hls4ml").origin), "templates/vivado/ap_types"))' 2>/dev/null) || true
fi
[ -e "$ap_types/ap_fixed.h" ] || skip "no ap_types (the hls4ml of tools/install-peers, or TGL_AP_TYPES)"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# What an installation has: headers and the library under one prefix.
mkdir -p "$work/prefix/include/trigline" "$work/prefix/lib"
cp "$TGL_SOURCE_DIR"/include/trigline/*.h "$TGL_SOURCE_DIR"/include/trigline/*.hpp \
    "$TGL_SOURCE_DIR"/plugins/cmssw/trigline/*.hpp "$work/prefix/include/trigline"
cp -P "$TGL_BUILD_DIR"/libtrigline-run.so* "$work/prefix/lib"

# Two versions of the network: the deployed one, and one with the first weight that is not zero turned round.
export_network() {
    "$TGL_COMMAND" model export "$1" "$work/plugins/$2" --as plugin --variant unscaled --name "$2" --quiet \
        --result-type 'std::pair<std::array<ap_fixed<10,7,AP_RND_CONV,AP_SAT>,8>,ap_ufixed<18,14>>'
}
mkdir "$work/plugins"
export_network "$l1/axol1tl_v4.json" GTADModel_v4
"$TGL_SOURCE_DIR/tools/peer-python" - "$l1/axol1tl_v4.json" "$work/other.json" <<'EOF'
import json, sys
model = json.load(open(sys.argv[1]))
rows = model["layers"][0]["weight"]
row, i = next((r, i) for r in (rows if isinstance(rows[0], list) else [rows]) for i, w in enumerate(r) if w)
row[i] = -row[i]
json.dump(model, open(sys.argv[2], "w"))
EOF
export_network "$work/other.json" GTADModel_v4b
"$TGL_BUILD_DIR/plugin_models" "$work/plugins"

build() { # NAME [FLAG]...: by the Makefile that came with it, with warnings
    (cd "$work/plugins/$1" && make -s CXX="$cxx" CXXFLAGS="-O2 -Wall -Wextra $flags" TRIGLINE="$work/prefix" \
        AP_TYPES="$ap_types") || exit 1
}
for directory in "$work"/plugins/*; do
    name=$(basename "$directory")
    build "$name"
    exported=$(nm -D --defined-only "$directory/$name.so" | awk '{print $3}' | grep -v '^__\|_asan_\|^_fini$\|^_init$' | sort | tr '\n' ' ')
    case $exported in
    "create_model destroy_model " | *san*) ;;
    *) echo "$name.so hands out: $exported"; exit 1 ;;
    esac
done
mkdir "$work/plugins/alone" "$work/plugins/other"
cp "$work/plugins/Pointer_v1/Pointer_v1.so" "$work/plugins/alone"
cp "$work/plugins/Pointer_v1/Pointer_v1.so" "$work/plugins/other"
cp "$work/plugins/Arrays_v1/Arrays_v1.tglr" "$work/plugins/other/Pointer_v1.tglr"

run_with() { # WHAT FLAG...: build the test with this loader, run it
    what=$1
    shift
    # shellcheck disable=SC2086
    "$cxx" -std=c++17 -O1 $flags -isystem "$ap_types" -I"$TGL_SOURCE_DIR/tests" -I"$TGL_SOURCE_DIR/plugins/cmssw" \
        -I"$TGL_SOURCE_DIR/plugins/cmssw/standin" "$TGL_SOURCE_DIR/tests/plugins/plugin_test.cpp" "$@" -o "$work/test" \
        -ldl -pthread
    LD_LIBRARY_PATH=$work/prefix/lib "$work/test" "$work/plugins" "$l1" >"$work/out" 2>&1 ||
        { cat "$work/out"; echo "$what: failed"; exit 1; }
    echo "$what: $(grep -c 'events, 0 differ' "$work/out") samples, 0 differ"
}
run_with "the loader closes the library (1.1.4)"
run_with "models hold the library (1.1.7)" -DSTANDIN_MODELS_HOLD_LIBRARY
real=${TGL_HLS4ML_EMULATOR_EXTRAS:-}
if [ -n "$real" ]; then
    run_with "the real loader" -w -DREAL_LOADER -I"$real/include" -I"$real/include/hls4ml" "$real/src/hls4ml/emulator.cc"
fi
