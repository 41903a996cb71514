/* Configurations, by the first byte: a menu, gates (a second text, the candidates, after
 * the first newline), a training configuration. An answer is valid JSON; a menu that is
 * accepted keeps its bounds. */
#include <stdlib.h>
#include <string.h>

#include <trigline/physics.h>

#include "base/memory.h"
#include "physics/menu.h"
#include "train/config.h"

static void demand(int holds)
{
    if (!holds)
        abort();
}

static void try_menu(const char *text, size_t n)
{
    tgl_error err = {0};
    tgl_json *json = NULL;
    if (tgl__json_parse(&json, text, n, "menu", &err) != TGL_OK)
        return;
    tgl_menu *menu = calloc(1, sizeof *menu);
    demand(menu != NULL);
    tgl_status status = tgl__menu_parse(menu, json, &err);
    demand(status == TGL_OK || err.message[0] != '\0');
    for (uint32_t s = 0; status == TGL_OK && s < menu->n_seed; s++) {
        const tgl_seed *seed = &menu->seed[s];
        demand(seed->n_leg >= 1 && seed->n_leg <= TGL_MAX_LEG);
        demand(seed->n_prescale >= 1 && seed->n_prescale <= TGL_MAX_PRESCALE);
        for (uint32_t l = 0; l < seed->n_leg; l++)
            demand(seed->leg[l].n >= 1 && seed->leg[l].n <= TGL_MAX_OBJECT);
    }
    free(menu);
    tgl__json_free(json);
}

static void try_gates(char *text)
{
    tgl_error err = {0};
    char *answer = NULL, *gates = strchr(text, '\n');
    if (gates == NULL)
        return;
    *gates++ = '\0';
    if (tgl_physics_select(&answer, text, gates, &err) != TGL_OK) {
        demand(answer == NULL && err.message[0] != '\0');
        return;
    }
    tgl_json *json = NULL;
    demand(tgl__json_parse(&json, answer, strlen(answer), "answer", &err) == TGL_OK);
    tgl__json_free(json);
    tgl_free(answer);
}

static void try_train(const char *text)
{
    tgl_error err = {0};
    tgl__train_config *config = calloc(1, sizeof *config);
    demand(config != NULL);
    if (tgl__train_config_parse(config, text, &err) == TGL_OK) {
        demand(config->n_hidden <= TGL__TRAIN_MAX_HIDDEN);
        demand(config->n_deployed == config->n_hidden + 1);
        for (uint32_t i = 0; i < config->n_hidden; i++)
            demand(config->hidden[i] <= TGL__TRAIN_MAX_UNITS);
        demand(config->n_rate <= TGL__TRAIN_MAX_RATE);
        tgl__train_config_release(config);
    } else {
        demand(err.message[0] != '\0');
    }
    free(config);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    char *text = tgl__strndup((const char *)data + 1, size - 1);
    demand(text != NULL);
    if (data[0] % 3 == 0)
        try_menu(text, strlen(text));
    else if (data[0] % 3 == 1)
        try_gates(text);
    else
        try_train(text);
    tgl__free(text);
    return 0;
}
