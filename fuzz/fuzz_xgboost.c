/* XGBoost's JSON. */
#include "fuzz_model.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const tgl_import_options options = {.struct_size = sizeof options,
                                        .format = "xgboost",
                                        .input_type = "fixed<12,8>",
                                        .score_type = "fixed<16,6,RND,SAT>"};
    fuzz_model(&options, data, size);
    return 0;
}
