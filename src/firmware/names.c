#include "firmware/names.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"

enum { LONGEST_NAME = 60 };

/* Letters, digits and underscores of `text` behind `prefix`. */
static char *identifier(tgl_arena *arena, const char *prefix, const char *text)
{
    char *name = tgl__arena_printf(arena, "%s%.*s", prefix, LONGEST_NAME, text);
    if (name == NULL)
        return NULL;
    char *to = name; /* never two underscores in a row: simulators give them a meaning */
    for (const char *c = name; *c; c++) {
        char next = isalnum((unsigned char)*c) ? *c : '_';
        if (next != '_' || (to > name && to[-1] != '_'))
            *to++ = next;
    }
    while (to > name + 1 && to[-1] == '_')
        to--;
    *to = '\0';
    return name;
}

static bool taken(char *const *names, uint32_t n, const char *name)
{
    for (uint32_t i = 0; i < n; i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}

static char *port(tgl_arena *arena, const char *prefix, const char *text,
                  char *const *names, uint32_t n)
{
    char *name = identifier(arena, prefix, text);
    for (uint32_t k = n; name != NULL; k++) {
        if (!taken(names, n, name) && strcmp(name, "in_valid") != 0 &&
            strcmp(name, "out_valid") != 0 && strcmp(name, "in") != 0)
            break;
        name = tgl__arena_printf(arena, "%s%u_%.*s", prefix, k, LONGEST_NAME, text);
        name = name ? identifier(arena, "", name) : NULL;
    }
    return name;
}

tgl_status tgl__names_init(tgl__hardware_names *out, const tgl_program *program,
                           const char *module, tgl_error *err)
{
    memset(out, 0, sizeof *out);
    uint32_t n_in = tgl_program_n_input(program), n_out = tgl_program_n_output(program);
    const char *name = module ? module : tgl_program_name(program);
    bool leading = isalpha((unsigned char)name[0]) != 0;
    out->module = identifier(&out->arena, leading ? "" : "m_", name);
    out->inputs = tgl__arena_alloc(&out->arena, n_in + 1, sizeof *out->inputs);
    out->outputs = tgl__arena_alloc(&out->arena, n_out + 1, sizeof *out->outputs);
    if (!out->module || !out->inputs || !out->outputs)
        return tgl__fail_nomem(err);
    for (uint32_t i = 0; i < n_in; i++) {
        out->inputs[i] =
            port(&out->arena, "in_", tgl_program_input(program, i)->name, out->inputs, i);
        if (!out->inputs[i])
            return tgl__fail_nomem(err);
    }
    for (uint32_t o = 0; o < n_out; o++) {
        out->outputs[o] = port(&out->arena, "out_", tgl_program_output(program, o)->name,
                               out->outputs, o);
        if (!out->outputs[o])
            return tgl__fail_nomem(err);
    }
    return TGL_OK;
}

void tgl__names_release(tgl__hardware_names *names)
{
    tgl__arena_release(&names->arena);
}

void tgl__node_name(char out[TGL__NODE_NAME], const tgl__netlist *n,
                    const tgl__hardware_names *names, uint32_t id, uint32_t stage)
{
    const tgl__node *node = &n->nodes[id];
    size_t used;
    if (node->kind == TGL__NODE_SLOT) {
        snprintf(out, TGL__NODE_NAME, "p%u_%u_s%u", node->ref, node->element, stage);
        return;
    }
    if (node->kind == TGL__NODE_INPUT)
        snprintf(out, TGL__NODE_NAME, "%s", names->inputs[node->ref]);
    else if (node->value != TGL_NONE)
        snprintf(out, TGL__NODE_NAME, "v%u", node->value);
    else
        snprintf(out, TGL__NODE_NAME, "t%u_%u",
                 tgl_program_op(n->program, node->op)->first_value, node->serial);
    used = strlen(out);
    if (stage != node->stage)
        snprintf(out + used, TGL__NODE_NAME - used, "_s%u", stage);
}
