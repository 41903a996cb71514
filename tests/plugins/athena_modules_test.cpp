// The Athena tools against the stand-in framework: athena_modules_test L1_DIR WORK_DIR.
// The tool gives the deployed network's codes in many slots at once; what the writer
// wrote holds the columns and where they come from.
#include <cstring>
#include <fstream>
#include <thread>

#include "Trigline/TriglineTool.cxx"
#include "Trigline/TriglineWriterTool.cxx"

#include <trigline/model.h>

#include "plugins/level1.hpp"
#include "support/check.hpp"

static void good(tgl_status status, const tgl_error &err)
{
    if (status != TGL_OK)
        std::printf("%s\n", err.message);
    CHECK(status == TGL_OK);
}

using columns = std::vector<std::vector<std::int64_t>>;

// ---- crossings as columns, in the tool's order ----

static void put_object(columns &out, const std::vector<std::string> &names,
                       const std::string &kind, const std::vector<const char *> &parts,
                       const std::vector<std::int64_t> &values)
{
    for (std::size_t i = 0; i < names.size(); i++)
        for (std::size_t p = 0; p < parts.size(); p++)
            if (names[i] == kind + parts[p])
                out[i].push_back(values[p]);
}

static columns crossing(const std::string &line, const std::vector<std::string> &names)
{
    std::istringstream words(line);
    std::vector<std::uint64_t> w(57);
    std::string text;
    for (std::size_t i = 0; i < w.size() && words >> text; i++)
        w[i] = i >= 1 ? std::stoull(text, nullptr, 16) : 0;
    using level1::bits;
    const std::vector<const char *> angles = {"_hwPt", "_hwEta", "_hwPhi"};
    columns out(names.size());
    for (std::size_t i = 1; i <= 8; i++)
        if (w[i] != 0)
            put_object(out, names, "L1Mu", angles,
                       {bits(w[i], 10, 9), bits(w[i], 23, 9, true), bits(w[i], 0, 10)});
    for (std::size_t i = 9; i <= 20; i++)
        if (w[i] != 0)
            put_object(out, names, "L1EG", angles,
                       {bits(w[i], 0, 9), bits(w[i], 9, 8, true), bits(w[i], 17, 8)});
    for (std::size_t i = 33; i <= 44; i++)
        if (w[i] != 0)
            put_object(out, names, "L1Jet", angles,
                       {bits(w[i], 0, 11), bits(w[i], 11, 8, true), bits(w[i], 19, 8)});
    put_object(out, names, "L1EtSum", {"_hwPt", "_hwPhi", "_etSumType"},
               {bits(w[47], 0, 12), bits(w[47], 12, 8), 2});
    return out;
}

static std::vector<columns> crossings(const std::string &path,
                                      const std::vector<std::string> &names)
{
    std::ifstream file(path);
    std::vector<columns> all;
    for (std::string line; std::getline(file, line);)
        if (line.size() > 400)
            all.push_back(crossing(line, names));
    return all;
}

// ---- the tool ----

static std::string export_model(const std::string &l1, const std::string &work,
                                const char *variant)
{
    tgl_error err;
    tgl_graph *graph = nullptr;
    tgl_import_options options = TGL_IMPORT_OPTIONS_INIT;
    options.variant = variant;
    good(tgl_model_import(&graph, (l1 + "/axol1tl_v4.json").c_str(), &options, &err),
         err);
    std::string path = work + "/" + variant + ".tglr";
    good(tgl_model_export(path.c_str(), nullptr, nullptr, graph, nullptr, &err), err);
    tgl_graph_free(graph);
    return path;
}

static bool configured(TriglineTool &tool, const std::string &path,
                       const std::string &convention)
{
    return tool.setProperty("Model", path).isSuccess() &&
           tool.setProperty("Convention", convention).isSuccess() &&
           tool.initialize().isSuccess();
}

static std::size_t codes_differ(const TriglineTool &tool, std::size_t slot,
                                const std::vector<columns> &events,
                                const std::vector<level1::codes> &expected,
                                std::size_t step)
{
    std::size_t n = 0;
    std::vector<std::int64_t> codes;
    std::vector<const ITriglineTool::Column *> given(tool.columns().size());
    for (std::size_t i = slot; i < events.size(); i += step) {
        for (std::size_t k = 0; k < given.size(); k++) { // no "_bx": one crossing only
            const std::string &name = tool.columns()[k];
            bool has = name.size() < 3 || name.compare(name.size() - 3, 3, "_bx") != 0;
            given[k] = has ? &events[i][k] : nullptr;
        }
        CHECK(tool.evaluate(EventContext(slot, 1, 1, i), given, codes).isSuccess());
        bool same = true;
        for (std::size_t k = 0; k < expected[i].size(); k++)
            same = same && codes[k] == expected[i][k];
        n += !same;
    }
    return n;
}

static void evaluates(const std::string &l1, const std::string &work, const char *sample,
                      const char *convention)
{
    enum { n_slot = 8 };
    SG::standin_n_slot() = n_slot;
    TriglineTool tool("Trigline");
    CHECK(configured(tool, export_model(l1, work, convention),
                     std::string("axol1tl/") + convention + "@2"));
    std::vector<columns> events =
        crossings(l1 + "/ugt_2025_v1_0_1_" + sample + ".txt", tool.columns());
    std::vector<level1::codes> expected =
        level1::read_codes(l1 + "/axol1tl_v4_" + sample + "_" + convention + ".txt", 1);
    CHECK(events.size() == 3564 && expected.size() == events.size());
    std::vector<std::size_t> wrong(n_slot);
    std::vector<std::thread> threads;
    for (std::size_t s = 0; s < n_slot; s++)
        threads.emplace_back(
            [&, s] { wrong[s] = codes_differ(tool, s, events, expected, n_slot); });
    for (std::thread &thread : threads)
        thread.join();
    std::size_t n = 0;
    for (std::size_t w : wrong)
        n += w;
    std::printf("tool, %s, %s: %zu events, %zu differ\n", sample, convention,
                events.size(), n);
    CHECK(n == 0 && tool.finalize().isSuccess());
}

static void fails_plainly(const std::string &l1, const std::string &work)
{
    TriglineTool missing("Missing"), other("Other"), good_one("Good");
    CHECK(!configured(missing, work + "/no.tglr", ""));
    std::string path = export_model(l1, work, "halved");
    CHECK(!configured(other, path, "axol1tl/firmware@2"));
    CHECK(configured(good_one, path, "axol1tl/halved@2"));
    std::vector<std::int64_t> codes;
    std::vector<const ITriglineTool::Column *> none, absent(good_one.columns().size());
    CHECK(good_one.evaluate(EventContext(0, 1, 1, 1), none, codes).isFailure());
    CHECK(good_one.evaluate(EventContext(0, 1, 1, 1), absent, codes).isFailure());
    CHECK(good_one.setProperty("NoSuch", "x").isFailure());
}

// ---- the writer ----

static void writes(const std::string &l1, const std::string &work)
{
    std::string path = work + "/objects.h5";
    setenv("AtlasVersion", "24.0.99", 1);
    TriglineWriterTool writer("Writer");
    CHECK(writer.setProperty("Output", path).isSuccess());
    CHECK(writer.setProperty("ConditionsTag", "CONDBR2-HLTP-2025-01").isSuccess());
    CHECK(writer.setProperty("Dataset", "data25_13p6TeV.ZeroBias").isSuccess());
    CHECK(writer.initialize().isSuccess());
    const std::vector<std::string> names = {"L1Jet_hwPt", "L1Jet_hwEta"};
    for (const std::string &name : names)
        CHECK(writer.addColumn(name).isSuccess());
    CHECK(writer.beginFile("data25.pool.root", "0F-1E").isSuccess());
    std::vector<columns> events = crossings(l1 + "/ugt_2025_v1_0_1_ttbar.txt", names);
    std::size_t n_jet = 0;
    for (std::size_t i = 0; i < events.size(); i++) {
        CHECK(writer.write(EventContext(0, 480, 12, i), events[i]).isSuccess());
        n_jet += events[i][0].size();
    }
    CHECK(writer.write(EventContext(0, 480, 12, 0), columns(1)).isFailure());
    CHECK(writer.finalize().isSuccess());
    tgl_error err;
    tgl_table *table = nullptr;
    const tgl_column *pt = nullptr, *event = nullptr;
    good(tgl_data_load(&table, path.c_str(), nullptr, 0, nullptr, &err), err);
    good(tgl_table_find(&pt, table, "L1Jet_hwPt", &err), err);
    good(tgl_table_find(&event, table, "event", &err), err);
    CHECK(tgl_table_n_row(table) == 3564 && pt->n_value == n_jet && n_jet > 3564);
    for (std::uint64_t i = 0; i < 3564; i++) {
        CHECK(tgl_column_int(event, i) == static_cast<std::int64_t>(i));
        for (std::size_t j = 0; j < events[i][0].size(); j++)
            CHECK(tgl_column_int(pt, static_cast<std::uint64_t>(pt->offsets[i]) + j) ==
                  events[i][0][j]);
    }
    const char *from = tgl_table_meta(table, "trigline.provenance");
    for (const char *text :
         {"\"software\":\"Athena\"", "\"release\":\"24.0.99\"",
          "\"global_tag\":\"CONDBR2-HLTP-2025-01\"", "\"guid\":\"0F-1E\""})
        CHECK(std::strstr(from, text) != nullptr);
    tgl_table_free(table);
}

int main(int argc, char **argv)
{
    CHECK(argc == 3);
    const std::string l1 = argv[1], work = argv[2];
    if (!std::ifstream(l1 + "/axol1tl_v4.json")) {
        const char *required = std::getenv("TGL_REQUIRE_SHARED");
        std::printf("skipped: no deployed network at %s\n", l1.c_str());
        return required != nullptr && std::strcmp(required, "1") == 0 ? 1 : 77;
    }
    for (const char *sample : {"ttbar", "data"})
        for (const char *convention : {"halved", "firmware"})
            evaluates(l1, work, sample, convention);
    fails_plainly(l1, work);
    writes(l1, work);
    return 0;
}
