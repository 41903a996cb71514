/* Codes through a run-time file: run_codes MODEL.tglr <in >out. A line of input codes for
 * each event, a line of output codes back; once in a batch and once event by event, and
 * the two must be the same. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <trigline/run.h>

static int complain(const tgl_error *err)
{
    fprintf(stderr, "%s: %s\n", tgl_status_name(err->code), err->message);
    return 1;
}

/* (n_event, n_in) codes; NULL when out of memory. */
static int64_t *read_codes(size_t n_in, size_t *n_event)
{
    size_t n = 0, room = 0;
    int64_t *codes = NULL, code;
    while (scanf("%" SCNd64, &code) == 1) {
        if (n == room) {
            room = room == 0 ? 4096 : 2 * room;
            int64_t *more = realloc(codes, room * sizeof *codes);
            if (more == NULL)
                break;
            codes = more;
        }
        codes[n++] = code;
    }
    *n_event = n / n_in;
    return codes;
}

int main(int argc, char **argv)
{
    tgl_run *run = NULL;
    tgl_error err;
    if (argc != 2 || tgl_run_open(&run, argv[1], NULL, &err) != TGL_OK)
        return argc != 2 ? 2 : complain(&err);
    size_t n_in = tgl_run_n_input(run), n_out = tgl_run_n_output(run), n_event = 0;
    int64_t *in = read_codes(n_in, &n_event);
    int64_t *out = calloc(n_event * n_out + 1, sizeof *out);
    int64_t *one = calloc(n_out, sizeof *one);
    size_t size = (tgl_run_scratch_size(run) + 63) / 64 * 64;
    void *scratch = aligned_alloc(TGL_RUN_ALIGNMENT, size);
    if (in == NULL || out == NULL || one == NULL || scratch == NULL)
        return 1;
    if (tgl_run_batch(out, run, in, n_event, scratch, &err) != TGL_OK)
        return complain(&err);
    for (size_t e = 0; e < n_event; e++) {
        const int64_t *row = out + e * n_out;
        if (tgl_run_event(one, run, in + e * n_in, scratch, &err) != TGL_OK)
            return complain(&err);
        if (memcmp(one, row, n_out * sizeof *one) != 0) {
            fprintf(stderr, "event %zu: the single event differs from the batch\n", e);
            return 1;
        }
        for (size_t i = 0; i < n_out; i++)
            printf("%" PRId64 "%c", row[i], i + 1 < n_out ? ' ' : '\n');
    }
    free(in);
    free(out);
    free(one);
    free(scratch);
    tgl_run_close(run);
    return 0;
}
