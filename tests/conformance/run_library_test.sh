# The run-time library stands on the C library alone, and hands out the program and emulator calls.
set -eu
library=$TGL_BUILD_DIR/libtrigline-run.so
if [ ! -e "$library" ]; then
    echo "no $library"
    exit 1
fi
needed=$(readelf -d "$library" | sed -n 's/.*(NEEDED).*\[\(.*\)\].*/\1/p')
for one in $needed; do
    case $one in
    libc.so.* | libm.so.* | libpthread.so.* | ld-linux* | libgcc_s.so.*) ;;
    libasan.so.* | libubsan.so.* | libtsan.so.* | libgcov*) ;; # sanitizer builds
    *)
        echo "libtrigline-run.so needs $one: expected libc, libm and libpthread only"
        exit 1
        ;;
    esac
done
symbols=$(nm -D --defined-only "$library" | awk '{print $3}')
for call in tgl_program_decode tgl_program_parse tgl_payload_decode tgl_emulator_new tgl_emulator_run \
    tgl_emulator_run_parallel tgl_emulate_reference; do
    printf '%s\n' "$symbols" | grep -qx "$call" || {
        echo "libtrigline-run.so does not hand out $call"
        exit 1
    }
done
if printf '%s\n' "$symbols" | grep -q '^tgl__'; then
    echo "libtrigline-run.so hands out private names:"
    printf '%s\n' "$symbols" | grep '^tgl__' | head -5
    exit 1
fi
echo "libtrigline-run.so needs $(echo $needed)"
