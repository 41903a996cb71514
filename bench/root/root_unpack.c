/* Seconds to unpack every readable branch's baskets and do nothing else, one thread: what
 * no reader that checks its input can go below, whatever it does with the values.
 *   root_unpack FILE OBJECT REPETITIONS */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "data/root/root.h"

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static uint64_t seek_of(const tgl_root_branch *b, uint32_t i)
{
    const uint8_t *p = b->basket_seek.bytes + (size_t)i * b->basket_seek.width;
    return b->basket_seek.width == 8 ? tgl__be64(p) : tgl__be32(p);
}

static tgl_status unpack_branch(const tgl_root_reader *r, const tgl_root_branch *b,
                                tgl_root_codec *codec, tgl_error *err)
{
    for (uint32_t i = 0; (int64_t)i < b->n_basket && i < b->basket_seek.n; i++) {
        tgl_root_basket basket;
        const uint8_t *object;
        if (seek_of(b, i) == 0)
            continue;
        tgl_status status = tgl__root_basket_at(&basket, &r->file, seek_of(b, i), err);
        if (status == TGL_OK)
            status =
                tgl__root_unpack(&object, codec, &r->file, basket.at + basket.key_size,
                                 basket.packed_size, basket.object_size, NULL, err);
        if (status != TGL_OK)
            return status;
    }
    return TGL_OK;
}

/* The seconds, or below 0. */
static double one_round(const char *path, const char *object)
{
    tgl_source_options options = TGL_SOURCE_OPTIONS_INIT;
    options.object = object[0] == '\0' ? NULL : object;
    tgl_reader *reader = NULL;
    tgl_error err = {0};
    tgl_root_codec codec = {0};
    double begin = now();
    tgl_status status = tgl__format_root.open(&reader, path, &options, &err);
    const tgl_root_reader *r = (const tgl_root_reader *)reader;
    for (size_t i = 0; status == TGL_OK && i < r->columns.n; i++)
        if (r->columns.fields[i].refusal == NULL)
            status = unpack_branch(r, r->columns.layouts[i].branch, &codec, &err);
    tgl__root_codec_release(&codec);
    double seconds = now() - begin;
    if (reader != NULL)
        reader->close(reader);
    if (status != TGL_OK)
        fprintf(stderr, "%s\n", err.message);
    return status == TGL_OK ? seconds : -1;
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "usage: root_unpack FILE OBJECT REPETITIONS\n");
        return 2;
    }
    printf("[");
    for (long i = 0, n = strtol(argv[3], NULL, 10); i < n; i++) {
        double seconds = one_round(argv[1], argv[2]);
        if (seconds < 0)
            return 3;
        printf("%s%.6f", i == 0 ? "" : ", ", seconds);
    }
    printf("]\n");
    return 0;
}
