#include "cli/cli.h"

extern const cli_noun cli_init;
extern const cli_noun cli_data;
extern const cli_noun cli_model;
extern const cli_noun cli_train;
extern const cli_noun cli_firmware;
extern const cli_noun cli_run;
extern const cli_noun cli_status;
extern const cli_noun cli_graph;
extern const cli_noun cli_store;
extern const cli_noun cli_report;
extern const cli_noun cli_doctor;
extern const cli_noun cli_completion;

const cli_noun *const cli_nouns[] = {
    &cli_init,
    &cli_data,
    &cli_model,
    &cli_train,
    &cli_firmware,
    &cli_run,
    &cli_status,
    &cli_graph,
    &cli_store,
    &cli_report,
    &cli_doctor,
    &cli_completion,
};
const size_t cli_n_noun = sizeof cli_nouns / sizeof cli_nouns[0];
