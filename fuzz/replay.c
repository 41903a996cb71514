/* Runs a fuzz harness without libFuzzer: every file of a corpus folder as it is, then
 * seeded mutations of each (bit flips, truncations, splices), so that the same inputs
 * come up on every machine. Usage: fuzz_x CORPUS_DIR [MUTATIONS_PER_FILE] */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t next_random(uint64_t *state)
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static uint8_t *read_whole(const char *path, size_t *size)
{
    FILE *f = fopen(path, "rb");
    if (f == NULL)
        return NULL;
    fseek(f, 0, SEEK_END);
    long end = ftell(f);
    rewind(f);
    uint8_t *bytes = malloc((size_t)end + 1);
    *size = bytes == NULL ? 0 : fread(bytes, 1, (size_t)end, f);
    fclose(f);
    return bytes;
}

static void run_copy(const uint8_t *bytes, size_t size)
{
    /* an exact-size heap copy lets the address sanitizer see one byte too far */
    uint8_t *copy = malloc(size == 0 ? 1 : size);
    if (copy == NULL)
        return;
    copy[0] = 0;
    memcpy(copy, bytes, size);
    (void)LLVMFuzzerTestOneInput(copy, size);
    free(copy);
}

static void mutate_and_run(const uint8_t *bytes, size_t size, uint64_t *state)
{
    uint8_t *work = malloc(size + 1);
    if (work == NULL)
        return;
    memcpy(work, bytes, size);
    size_t length = size;
    uint64_t n_edit = 1 + next_random(state) % 4;
    for (uint64_t e = 0; e < n_edit && length > 0; e++) {
        size_t at = (size_t)(next_random(state) % length);
        switch (next_random(state) % 4) {
        case 0:
            work[at] = (uint8_t)(work[at] ^ (1u << (next_random(state) % 8)));
            break;
        case 1:
            work[at] = (uint8_t)next_random(state);
            break;
        case 2:
            length = at;
            break;
        default: {
            size_t from = (size_t)(next_random(state) % length);
            size_t n = (size_t)(next_random(state) % 16);
            while (n > 0 && (at + n > length || from + n > length))
                n--;
            memmove(work + at, work + from, n);
        }
        }
    }
    run_copy(work, length);
    free(work);
}

int main(int argc, char **argv)
{
    long mutations = argc > 2 ? atol(argv[2]) : 200;
    uint64_t state = 20261120u;
    long n_file = 0, n_run = 0;
    run_copy((const uint8_t *)"", 0);
    DIR *dir = argc > 1 ? opendir(argv[1]) : NULL;
    if (dir == NULL) {
        fprintf(stderr, "usage: %s CORPUS_DIR [MUTATIONS]\n", argv[0]);
        return 2;
    }
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        char path[4096];
        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "%s/%s", argv[1], entry->d_name);
        size_t size;
        uint8_t *bytes = read_whole(path, &size);
        if (bytes == NULL)
            continue;
        run_copy(bytes, size);
        for (long m = 0; m < mutations; m++, n_run++)
            mutate_and_run(bytes, size, &state);
        free(bytes);
        n_file++;
    }
    closedir(dir);
    printf("%ld files, %ld mutations: no crash\n", n_file, n_run);
    return n_file == 0;
}
