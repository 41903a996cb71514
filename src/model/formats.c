/* The importers: one line each. By content, the first that knows a file takes it. */
#include "model/format.h"

extern const tgl_importer tgl__importer_graph, tgl__importer_onnx, tgl__importer_hls4ml,
    tgl__importer_l1json, tgl__importer_xgboost;

const tgl_importer *const tgl__importers[] = {
    &tgl__importer_graph,   &tgl__importer_hls4ml, &tgl__importer_l1json,
    &tgl__importer_xgboost, &tgl__importer_onnx,   NULL,
};
