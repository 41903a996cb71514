#include "cli/view.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"

static const char *blank(const char *p)
{
    return p + strspn(p, " \t\r\n");
}

/* Past the string that begins at p. */
static const char *skip_string(const char *p)
{
    for (p++; *p != '\0' && *p != '"'; p++)
        if (*p == '\\' && p[1] != '\0')
            p++;
    return *p == '"' ? p + 1 : p;
}

/* Past the value that begins at p; strings are the only place where brackets lie. */
static const char *skip_value(const char *p)
{
    p = blank(p);
    if (*p == '"')
        return skip_string(p);
    if (*p != '{' && *p != '[')
        return p + strcspn(p, ",]} \t\r\n");
    int depth = 0;
    do {
        if (*p == '"') {
            p = skip_string(p);
            continue;
        }
        depth += (*p == '{' || *p == '[') - (*p == '}' || *p == ']');
        p++;
    } while (depth > 0 && *p != '\0');
    return p;
}

static const char *unescape(const char *p, char *out, size_t room)
{
    size_t used = 0;
    for (p++; *p != '\0' && *p != '"'; p++) {
        char c = *p;
        if (c == '\\' && p[1] != '\0') {
            c = *++p;
            const char *from = "nrtbf", *to = "\n\r\t\b\f", *at = strchr(from, c);
            if (at != NULL)
                c = to[at - from];
            if (c == 'u')
                c = '?'; /* the library writes UTF-8; only control characters come so */
            if (*p == 'u')
                for (int i = 0; i < 4 && p[1] != '\0'; i++)
                    p++;
        }
        if (used + 1 < room)
            out[used++] = c;
    }
    if (room > 0)
        out[used] = '\0';
    return *p == '"' ? p + 1 : p;
}

const char *view_next(const char *array, const char *item)
{
    if (array == NULL || *array != '[')
        return NULL;
    const char *p = blank(item == NULL ? array + 1 : skip_value(item));
    if (*p == ',')
        p = blank(p + 1);
    return *p == ']' || *p == '\0' ? NULL : p;
}

const char *view_next_member(const char *object, const char *value, char *key,
                             size_t room)
{
    if (object == NULL || *object != '{')
        return NULL;
    const char *p = blank(value == NULL ? object + 1 : skip_value(value));
    if (*p == ',')
        p = blank(p + 1);
    if (*p != '"')
        return NULL;
    p = blank(unescape(p, key, room));
    return *p == ':' ? blank(p + 1) : NULL;
}

const char *view_get(const char *object, const char *key)
{
    char name[256];
    object = object == NULL ? NULL : blank(object);
    for (const char *v = NULL;
         (v = view_next_member(object, v, name, sizeof name)) != NULL;)
        if (strcmp(name, key) == 0)
            return v;
    return NULL;
}

const char *view_path(const char *object, const char *path)
{
    while (object != NULL && *path != '\0') {
        char part[128];
        size_t n = strcspn(path, ".");
        snprintf(part, sizeof part, "%.*s", (int)n, path);
        object = view_get(object, part);
        path += n + (path[n] == '.');
    }
    return object;
}

size_t view_count(const char *value)
{
    size_t n = 0;
    char key[256];
    value = value == NULL ? NULL : blank(value);
    for (const char *v = NULL; (v = view_next(value, v)) != NULL;)
        n++;
    for (const char *v = NULL; (v = view_next_member(value, v, key, sizeof key)) != NULL;)
        n++;
    return n;
}

const char *view_text(const char *value, char *out, size_t room)
{
    out[0] = '\0';
    if (value == NULL)
        return out;
    value = blank(value);
    if (*value == '"') {
        unescape(value, out, room);
    } else if (*value != '{' && *value != '[' && strncmp(value, "null", 4) != 0) {
        size_t n = strcspn(value, ",]} \t\r\n");
        snprintf(out, room, "%.*s", (int)n, value);
    }
    return out;
}

double view_number(const char *value, double fallback)
{
    char *end;
    if (value == NULL)
        return fallback;
    double number = strtod(value, &end);
    return end == value ? fallback : number;
}

bool view_true(const char *value)
{
    return value != NULL && strncmp(value, "true", 4) == 0;
}

struct view_table {
    const char *const *headings;
    size_t n_column, n_cell, capacity;
    bool right[16];
    char **cells;
};

view_table *view_table_new(const char *const *headings, size_t n_column)
{
    view_table *table = calloc(1, sizeof *table);
    if (table != NULL) {
        table->headings = headings;
        table->n_column = n_column < 16 ? n_column : 16;
    }
    return table;
}

void view_table_right(view_table *table, size_t column)
{
    if (table != NULL && column < 16)
        table->right[column] = true;
}

void view_table_cell(view_table *table, const char *text)
{
    if (table == NULL)
        return;
    if (table->n_cell == table->capacity) {
        size_t capacity = table->capacity == 0 ? 64 : table->capacity * 2;
        char **grown = realloc(table->cells, capacity * sizeof *grown);
        if (grown == NULL)
            return;
        table->cells = grown;
        table->capacity = capacity;
    }
    char *copy = strdup(text);
    if (copy != NULL)
        table->cells[table->n_cell++] = copy;
}

/* Columns a UTF-8 text takes, one per code point. */
static int width_of(const char *text)
{
    int n = 0;
    for (; *text != '\0'; text++)
        n += ((unsigned char)*text & 0xc0) != 0x80;
    return n;
}

static void print_cell(const char *text, int width, bool right, bool last)
{
    int pad = width - width_of(text);
    if (right)
        printf("%*s%s", pad, "", text);
    else
        printf("%s%*s", text, last ? 0 : pad, "");
    printf(last ? "\n" : "  ");
}

void view_table_print(view_table *table)
{
    if (table == NULL)
        return;
    int width[16];
    for (size_t c = 0; c < table->n_column; c++) {
        width[c] = width_of(table->headings[c]);
        for (size_t i = c; i < table->n_cell; i += table->n_column)
            if (width_of(table->cells[i]) > width[c])
                width[c] = width_of(table->cells[i]);
    }
    printf("%s", cli_colour("bold"));
    for (size_t c = 0; c < table->n_column; c++)
        print_cell(table->headings[c], width[c], table->right[c],
                   c + 1 == table->n_column);
    printf("%s", cli_colour("reset"));
    for (size_t i = 0; i < table->n_cell; i++) {
        size_t c = i % table->n_column;
        print_cell(table->cells[i], width[c], table->right[c], c + 1 == table->n_column);
        free(table->cells[i]);
    }
    free(table->cells);
    free(table);
}

const char *view_bytes(double bytes, char *out, size_t room)
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB"};
    size_t u = 0;
    while (bytes >= 999.5 && u + 1 < sizeof units / sizeof units[0]) {
        bytes /= 1000;
        u++;
    }
    snprintf(out, room, u == 0 || bytes >= 99.95 ? "%.0f %s" : "%.1f %s", bytes,
             units[u]);
    return out;
}
