#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "firmware/synth.h"

typedef struct cell {
    const char *name; /* a prefix when it ends in '*' */
    int lut, ff, dsp, half_bram;
} cell;

static const cell cells[] = {
    {"LUT1", 1, 0, 0, 0},
    {"LUT2", 1, 0, 0, 0},
    {"LUT3", 1, 0, 0, 0},
    {"LUT4", 1, 0, 0, 0},
    {"LUT5", 1, 0, 0, 0},
    {"LUT6", 1, 0, 0, 0},
    {"LUT6_2", 1, 0, 0, 0},
    {"SRL*", 1, 0, 0, 0},
    {"RAM32X1S", 1, 0, 0, 0},
    {"RAM32X1D", 2, 0, 0, 0},
    {"RAM32M", 4, 0, 0, 0},
    {"RAM32M16", 8, 0, 0, 0},
    {"RAM64X1S", 1, 0, 0, 0},
    {"RAM64X1D", 2, 0, 0, 0},
    {"RAM64M", 4, 0, 0, 0},
    {"RAM64M8", 8, 0, 0, 0},
    {"RAM128X1S", 2, 0, 0, 0},
    {"RAM128X1D", 4, 0, 0, 0},
    {"RAM256X1S", 4, 0, 0, 0},
    {"RAM256X1D", 8, 0, 0, 0},
    {"RAM512X1S", 8, 0, 0, 0},
    {"FDRE*", 0, 1, 0, 0},
    {"FDSE*", 0, 1, 0, 0},
    {"FDCE*", 0, 1, 0, 0},
    {"FDPE*", 0, 1, 0, 0},
    {"DSP48*", 0, 0, 1, 0},
    {"RAMB18*", 0, 0, 0, 1},
    {"RAMB36*", 0, 0, 0, 2},
    /* part of the slices that the LUTs stand in, or of no slice */
    {"CARRY4", 0, 0, 0, 0},
    {"CARRY8", 0, 0, 0, 0},
    {"MUXF*", 0, 0, 0, 0},
    {"INV", 0, 0, 0, 0},
    {"BUFG*", 0, 0, 0, 0},
    {"VCC", 0, 0, 0, 0},
    {"GND", 0, 0, 0, 0},
};

static const cell *find_cell(const char *name, size_t n)
{
    for (size_t i = 0; i < sizeof cells / sizeof cells[0]; i++) {
        size_t length = strlen(cells[i].name);
        bool prefix = cells[i].name[length - 1] == '*';
        if (prefix ? n >= length - 1 && strncmp(cells[i].name, name, length - 1) == 0
                   : n == length && strncmp(cells[i].name, name, n) == 0)
            return &cells[i];
    }
    return NULL;
}

typedef struct line_reader {
    const char *at, *end;
} line_reader;

static bool next_line(line_reader *r, const char **line, size_t *n)
{
    if (r->at >= r->end)
        return false;
    const char *stop = memchr(r->at, '\n', (size_t)(r->end - r->at));
    *line = r->at;
    *n = (size_t)((stop ? stop : r->end) - r->at);
    r->at = stop ? stop + 1 : r->end;
    return true;
}

/* "=== name ===" */
static bool is_heading(const char *line, size_t n, const char *module, bool *ours)
{
    size_t length = strlen(module);
    if (n < 8 || strncmp(line, "=== ", 4) != 0)
        return false;
    *ours = n >= length + 8 && strncmp(line + 4, module, length) == 0 &&
            strncmp(line + 4 + length, " ===", 4) == 0;
    return true;
}

/* "     LUT6      123": a cell and its count. */
static bool read_count(const char *line, size_t n, const char **name, size_t *n_name,
                       int64_t *count)
{
    size_t i = 0, start;
    while (i < n && line[i] == ' ')
        i++;
    *name = line + i;
    start = i;
    while (i < n && (isalnum((unsigned char)line[i]) || line[i] == '_' ||
                     line[i] == '$' || line[i] == '\\'))
        i++;
    *n_name = i - start;
    size_t gap = i;
    while (i < n && line[i] == ' ')
        i++;
    if (*n_name == 0 || i == gap || i == n)
        return false;
    *count = 0;
    for (; i < n && isdigit((unsigned char)line[i]); i++) {
        if (*count > INT64_C(1) << 40)
            return false;
        *count = 10 * *count + (line[i] - '0');
    }
    while (i < n && (line[i] == ' ' || line[i] == '\r'))
        i++;
    return i == n;
}

/* Append "NAME count" to what is not counted, if it has room. */
static void note_unknown(char *out, size_t room, const char *name, size_t n,
                         int64_t count)
{
    size_t used = strlen(out);
    char text[128];
    snprintf(text, sizeof text, "%s%.*s %lld", used > 0 ? ", " : "", n > 60 ? 60 : (int)n,
             name, (long long)count);
    if (used + strlen(text) < room)
        memcpy(out + used, text, strlen(text) + 1);
    else if (used + 4 < room && (used < 3 || strcmp(out + used - 3, "...") != 0))
        memcpy(out + used, "...", 4);
}

tgl_status tgl__yosys_stat(tgl_resources *out, const char *text, size_t size,
                           const char *module, tgl_error *err)
{
    line_reader r = {text, text + size};
    const char *line, *name;
    size_t n, n_name;
    bool inside = false, seen = false, ours;
    int64_t count, lut = 0, ff = 0, dsp = 0, half = 0;
    char unknown[sizeof out->not_counted] = "";
    while (next_line(&r, &line, &n)) {
        if (is_heading(line, n, module, &ours)) {
            inside = ours;
            if (ours) {
                seen = true;
                lut = ff = dsp = half = 0;
                unknown[0] = '\0';
            }
            continue;
        }
        if (!inside || !read_count(line, n, &name, &n_name, &count))
            continue;
        const cell *c = find_cell(name, n_name);
        if (!c) {
            note_unknown(unknown, sizeof unknown, name, n_name, count);
            continue;
        }
        lut += c->lut * count;
        ff += c->ff * count;
        dsp += c->dsp * count;
        half += c->half_bram * count;
    }
    if (!seen)
        return tgl__fail(err, TGL_EFORMAT,
                         "yosys report: expected a section '=== %s ===', found none",
                         module);
    out->lut = lut;
    out->ff = ff;
    out->dsp = dsp;
    out->bram = (half + 1) / 2;
    memcpy(out->not_counted, unknown, sizeof unknown);
    return TGL_OK;
}
