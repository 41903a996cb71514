/* Small models with the result types that deployed emulators have, each exported as a
 * plugin: plugin_models OUT_DIR. Every output is a copy or a sum of inputs, so that the
 * test knows the answer. */
#include <stdio.h>
#include <string.h>

#include <trigline/model.h>

typedef struct small_model {
    const char *name, *input_type, *result_type, *text;
} small_model;

static const small_model models[] = {
    {"Unsigned_v1", "ap_uint<13>", "ap_uint<8>[2]",
     "trigline-program 1 \"u\"\n"
     "%0 = INPUT ufixed<13,13> \"a\"\n"
     "%1 = INPUT ufixed<13,13> \"b\"\n"
     "%2 = QUANTISE ufixed<8,8> TRN SAT (%0) @ \"c\" 0 \"cast\"\n"
     "%3 = QUANTISE ufixed<8,8> TRN WRAP (%1) @ \"c\" 1 \"cast\"\n"
     "output \"y0\" %2\noutput \"y1\" %3\n"},
    {"Arrays_v1", NULL,
     "std::pair<std::array<ap_fixed<16,6>,1>, std::array<ap_fixed<16,6>,1>>",
     "trigline-program 1 \"a\"\n"
     "%0 = INPUT fixed<16,6> \"a\"\n"
     "%1 = INPUT fixed<16,6> \"b\"\n"
     "%2 = MAX fixed<16,6> (%0 %1) @ \"m\" 0 \"max\"\n"
     "%3 = MIN fixed<16,6> (%0 %1) @ \"m\" 1 \"min\"\n"
     "output \"y0\" %2\noutput \"y1\" %3\n"},
    {"Scalars_v5", "ap_fixed<18,13>",
     "std::pair<ap_fixed<18,14,AP_RND_CONV,AP_SAT>,ap_ufixed<18,14>>",
     "trigline-program 1 \"s\"\n"
     "%0 = INPUT fixed<18,13> \"a\"\n"
     "%1 = QUANTISE fixed<18,14> RND_CONV SAT (%0) @ \"c\" 0 \"cast\"\n"
     "%2 = QUANTISE ufixed<18,14> TRN SAT (%0) @ \"c\" 1 \"cast\"\n"
     "output \"y0\" %1\noutput \"y1\" %2\n"},
    {"Pointer_v1", "std::array<ap_fixed<24,12>,4>", "ap_fixed<24,12>",
     "trigline-program 1 \"p\"\n"
     "%0 = INPUT fixed<24,12> \"a\"\n%1 = INPUT fixed<24,12> \"b\"\n"
     "%2 = INPUT fixed<24,12> \"c\"\n%3 = INPUT fixed<24,12> \"d\"\n"
     "%4 = ADD fixed<25,13> (%0 %3) @ \"s\" 0 \"sum\"\n"
     "%5 = QUANTISE fixed<24,12> TRN WRAP (%4) @ \"s\" 0 \"cast\"\n"
     "output \"y0\" %5\n"},
};

int main(int argc, char **argv)
{
    if (argc != 2)
        return 2;
    for (size_t i = 0; i < sizeof models / sizeof models[0]; i++) {
        const small_model *m = &models[i];
        tgl_program *program = NULL;
        tgl_error err = {0};
        char path[1024];
        snprintf(path, sizeof path, "%s/%s", argv[1], m->name);
        tgl_export_options options = TGL_EXPORT_OPTIONS_INIT;
        options.name = m->name;
        options.input_type = m->input_type;
        options.result_type = m->result_type;
        tgl_status status = tgl_program_parse(&program, m->text, strlen(m->text), &err);
        if (status == TGL_OK)
            status = tgl_model_export(path, "plugin", program, NULL, &options, &err);
        tgl_program_free(program);
        if (status != TGL_OK) {
            fprintf(stderr, "%s: %s\n", m->name, err.message);
            return 1;
        }
    }
    return 0;
}
