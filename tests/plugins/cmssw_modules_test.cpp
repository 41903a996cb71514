// The CMSSW examples against the stand-in framework: cmssw_modules_test L1_DIR WORK_DIR.
// The producer gives the original emulator's codes on the test vectors, in both
// conventions and on many streams; what the writer wrote gives them too.
#include <cstring>
#include <fstream>
#include <sstream>
#include <thread>

#include "producer/TriglineL1Producer.cc"
#include "producer/TriglineL1Writer.cc"

#include <trigline/emulate.h>
#include <trigline/lower.h>
#include <trigline/model.h>

#include "plugins/level1.hpp"
#include "support/check.hpp"

static void good(tgl_status status, const tgl_error &err)
{
    if (status != TGL_OK)
        std::printf("%s\n", err.message);
    CHECK(status == TGL_OK);
}

// ---- crossings as the framework holds them ----

static edm::Event crossing(const std::string &line, unsigned long long number)
{
    std::istringstream words(line);
    std::vector<std::uint64_t> w(60);
    std::string text;
    for (std::size_t i = 0; words >> text && i < w.size(); i++)
        w[i] = i >= 1 && i <= 56 ? std::stoull(text, nullptr, 16) : 0;
    using level1::bits;
    auto muons = std::make_unique<BXVector<l1t::Muon>>();
    auto egammas = std::make_unique<BXVector<l1t::EGamma>>();
    auto jets = std::make_unique<BXVector<l1t::Jet>>();
    auto sums = std::make_unique<BXVector<l1t::EtSum>>();
    auto number_of = [](long long v) { return static_cast<int>(v); };
    for (std::size_t i = 1; i <= 8; i++)
        if (w[i] != 0) // another pair of angles at the muon stations: not what is asked
            muons->push_back(0, {number_of(bits(w[i], 10, 9)), 99, 999,
                                 number_of(bits(w[i], 23, 9, true)),
                                 number_of(bits(w[i], 0, 10))});
    for (std::size_t i = 9; i <= 20; i++)
        if (w[i] != 0)
            egammas->push_back(0, {number_of(bits(w[i], 0, 9)),
                                   number_of(bits(w[i], 9, 8, true)),
                                   number_of(bits(w[i], 17, 8))});
    for (std::size_t i = 33; i <= 44; i++)
        if (w[i] != 0)
            jets->push_back(0, {number_of(bits(w[i], 0, 11)),
                                number_of(bits(w[i], 11, 8, true)),
                                number_of(bits(w[i], 19, 8))});
    jets->push_back(-1, {1000, 0, 0}); // the crossing before: not ours
    sums->push_back(0, {l1t::EtSum::kTotalEt, 777, 0});
    sums->push_back(0, {l1t::EtSum::kMissingEt, number_of(bits(w[47], 0, 12)),
                        number_of(bits(w[47], 12, 8))});
    edm::Event event(381, 17, number);
    event.put(std::move(muons), "muons");
    event.put(std::move(egammas), "egammas");
    event.put(std::move(jets), "jets");
    event.put(std::move(sums), "sums");
    return event;
}

static std::vector<edm::Event> crossings(const std::string &path)
{
    std::ifstream file(path);
    std::vector<edm::Event> all;
    for (std::string line; std::getline(file, line);)
        if (line.size() > 400)
            all.push_back(crossing(line, all.size()));
    return all;
}

static edm::ParameterSet inputs()
{
    edm::ParameterSet config;
    for (const char *name : {"muons", "egammas", "jets", "sums"})
        config.addParameter<edm::InputTag>(name, name);
    return config;
}

// ---- the producer ----

static tgl_graph *deployed(const std::string &l1, const char *variant)
{
    tgl_graph *graph = nullptr;
    tgl_error err;
    tgl_import_options options = TGL_IMPORT_OPTIONS_INIT;
    options.variant = variant;
    good(tgl_model_import(&graph, (l1 + "/axol1tl_v4.json").c_str(), &options, &err),
         err);
    return graph;
}

static std::string export_model(const std::string &l1, const std::string &work,
                                const char *variant)
{
    tgl_error err;
    tgl_graph *graph = deployed(l1, variant);
    std::string path = work + "/" + variant + ".tglr";
    good(tgl_model_export(path.c_str(), nullptr, nullptr, graph, nullptr, &err), err);
    tgl_graph_free(graph);
    return path;
}

static std::size_t differing(const std::int64_t *codes, const level1::codes &expected)
{
    for (std::size_t i = 0; i < expected.size(); i++)
        if (codes[i] != expected[i])
            return 1;
    return 0;
}

static void produces_codes(const std::string &l1, const std::string &work,
                           const char *sample, const char *convention)
{
    enum { n_stream = 8 };
    edm::ParameterSet config = inputs();
    config.addParameter("model", export_model(l1, work, convention));
    config.addParameter("convention", std::string("axol1tl/") + convention + "@2");
    TriglineL1Producer producer(config);
    producer.standin_begin(n_stream);
    std::vector<edm::Event> events =
        crossings(l1 + "/ugt_2025_v1_0_1_" + sample + ".txt");
    std::vector<level1::codes> expected =
        level1::read_codes(l1 + "/axol1tl_v4_" + sample + "_" + convention + ".txt", 1);
    CHECK(events.size() == 3564 && expected.size() == events.size());
    std::vector<std::thread> streams;
    for (unsigned s = 0; s < n_stream; s++)
        streams.emplace_back([&, s] {
            for (std::size_t i = s; i < events.size(); i += n_stream)
                producer.produce(edm::StreamID(s), events[i], edm::EventSetup());
        });
    for (std::thread &stream : streams)
        stream.join();
    std::size_t n = 0;
    edm::EDGetTokenT<std::vector<std::int64_t>> codes{"codes"};
    for (std::size_t i = 0; i < events.size(); i++)
        n += differing(events[i].get(codes).data(), expected[i]);
    std::printf("producer, %s, %s: %zu events, %zu differ\n", sample, convention,
                events.size(), n);
    CHECK(n == 0);
}

static void refuses_another_convention(const std::string &l1, const std::string &work)
{
    edm::ParameterSet config = inputs();
    config.addParameter("model", export_model(l1, work, "halved"));
    config.addParameter("convention", std::string("axol1tl/firmware@2"));
    std::string text =
        thrown<std::runtime_error>([&] { TriglineL1Producer producer(config); });
    CHECK(text == "model axol1tl_v4: expected the input convention "
                  "'axol1tl/firmware@2', found 'axol1tl/halved@2'");
}

// ---- the writer ----

static std::string write_columns(const std::string &l1, const std::string &work)
{
    edm::ParameterSet config = inputs();
    std::string path = work + "/l1.npz";
    config.addParameter("output", path);
    config.addParameter("globalTag", std::string("150X_dataRun3_Prompt_v1"));
    config.addParameter("dataset", std::string("/ZeroBias/Run2025C-v1/RAW"));
    TriglineL1Writer writer(config);
    writer.beginJob();
    std::vector<edm::Event> events = crossings(l1 + "/ugt_2025_v1_0_1_data.txt");
    for (std::size_t i = 0; i < events.size(); i++) {
        if (i == 0 || i == 2000)
            writer.respondToOpenInputFile(
                edm::FileBlock(i == 0 ? "/store/a.root" : "/store/b.root"));
        writer.analyze(events[i], edm::EventSetup());
    }
    writer.endJob();
    return path;
}

static std::int64_t value(const tgl_table *table, const char *name, std::uint64_t row)
{
    const tgl_column *column = nullptr;
    tgl_error err;
    good(tgl_table_find(&column, table, name, &err), err);
    return tgl_column_int(column, row);
}

static void written_columns_give_the_codes(const std::string &l1, const std::string &path)
{
    tgl_error err;
    tgl_table *table = nullptr;
    good(tgl_data_load(&table, path.c_str(), nullptr, 0, nullptr, &err), err);
    std::uint64_t n = tgl_table_n_row(table);
    CHECK(n == 3564);
    CHECK(value(table, "run", 5) == 381 && value(table, "event", 5) == 5);
    CHECK(value(table, "file", 1999) == 0 && value(table, "file", 2000) == 1);
    const char *from = tgl_table_meta(table, "trigline.provenance");
    for (const char *text :
         {"\"release\":\"CMSSW_0_0_0_standin\"",
          "\"global_tag\":\"150X_dataRun3_Prompt_v1\"",
          "\"dataset\":\"/ZeroBias/Run2025C-v1/RAW\"", "\"name\":\"/store/b.root\""})
        CHECK(std::strstr(from, text) != nullptr);
    tgl_graph *graph = deployed(l1, "halved");
    tgl_program *program = nullptr;
    tgl_emulator *emulator = nullptr;
    std::vector<std::int64_t> in(n * 57), out;
    good(tgl_convention_extract(in.data(), nullptr, tgl_graph_convention(graph), table, 0,
                                n, &err),
         err);
    good(tgl_lower(&program, graph, &err), err);
    good(tgl_emulator_new(&emulator, program, nullptr, nullptr, &err), err);
    std::size_t n_out = tgl_program_n_output(program), wrong = 0;
    out.resize(n * n_out);
    good(tgl_emulator_run_parallel(out.data(), emulator, in.data(), n, 2, nullptr, &err),
         err);
    std::vector<level1::codes> expected =
        level1::read_codes(l1 + "/axol1tl_v4_data_halved.txt", 1);
    for (std::size_t i = 0; i < n; i++)
        wrong += differing(out.data() + i * n_out, expected[i]);
    std::printf("written columns: %zu events, %zu differ\n", static_cast<std::size_t>(n),
                wrong);
    CHECK(wrong == 0);
    tgl_emulator_free(emulator);
    tgl_program_free(program);
    tgl_graph_free(graph);
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
            produces_codes(l1, work, sample, convention);
    refuses_another_convention(l1, work);
    written_columns_give_the_codes(l1, write_columns(l1, work));
    return 0;
}
