// Plugins through the loader: plugin_test PLUGINS_DIR L1_DIR. Built against the stand-in
// loader, or against the real one (REAL_LOADER) where its sources are given.
#include <array>
#include <cstring>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "ap_fixed.h"
#include "ap_int.h"

#ifdef REAL_LOADER
#include "hls4ml/emulator.h"
#else
#include "loader.hpp"
#endif

#include "plugins/level1.hpp"
#include "support/check.hpp"

using hls4mlEmulator::Model;
using hls4mlEmulator::ModelLoader;

static std::string plugins;

static std::string path_of(const std::string &name)
{
    return plugins + "/" + name + "/" + name;
}

// ---- every result type that deployed emulators have ----

static void unsigned_integers()
{
    ModelLoader loader(path_of("Unsigned_v1"));
    std::shared_ptr<Model> model = loader.load_model();
    ap_uint<13> in[2] = {300, 300};
    ap_uint<8> out[2];
    model->prepare_input(in);
    model->predict();
    model->read_result(out);
    CHECK(out[0] == 255 && out[1] == 300 % 256);
}

static void pairs_of_arrays()
{
    using number = ap_fixed<16, 6>;
    ModelLoader loader(path_of("Arrays_v1"));
    std::shared_ptr<Model> model = loader.load_model();
    number in[2] = {-1.25, 0.5};
    std::pair<std::array<number, 1>, std::array<number, 1>> out;
    model->prepare_input(in);
    model->predict();
    model->read_result(&out);
    CHECK(out.first[0] == number(0.5) && out.second[0] == number(-1.25));
}

static void pairs_of_scalars()
{
    using score_t = ap_ufixed<18, 14>;
    using mean_t = ap_fixed<18, 14, AP_RND_CONV, AP_SAT>;
    ModelLoader loader(path_of("Scalars_v5"));
    std::shared_ptr<Model> model = loader.load_model();
    ap_fixed<18, 13> in[1] = {-2.53125}; // -81 / 32: halfway between multiples of 1/16
    std::pair<mean_t, score_t> out;
    model->prepare_input(in);
    model->predict();
    model->read_result(&out);
    CHECK(out.first == mean_t(in[0]) && out.second == score_t(0));
}

static void pointers_to_arrays()
{
    using number = ap_fixed<24, 12>;
    ModelLoader loader(path_of("Pointer_v1"));
    std::shared_ptr<Model> model = loader.load_model();
    std::array<number, 4> in = {1.5, 2, 3, -4.25};
    number out;
    model->prepare_input(&in);
    model->predict();
    model->read_result(&out);
    CHECK(out == number(-2.75));
}

// ---- the deployed network ----

using unscaled_t = ap_fixed<18, 13>;
using result_t = ap_fixed<10, 7, AP_RND_CONV, AP_SAT>;
using score_t = ap_ufixed<18, 14>;
using network_result = std::pair<std::array<result_t, 8>, score_t>;

static level1::codes infer(Model &model, const level1::inputs &x)
{
    unscaled_t in[level1::n_input];
    network_result out;
    for (std::size_t i = 0; i < level1::n_input; i++)
        in[i] = x[i];
    model.prepare_input(in);
    model.predict();
    model.read_result(&out);
    level1::codes c{};
    for (std::size_t i = 0; i < 8; i++)
        c[i] = static_cast<long long>(out.first[i].to_double() * 8);
    c[8] = static_cast<long long>(out.second.to_double() * 16);
    return c;
}

static std::size_t differing(Model &model, const std::vector<level1::inputs> &x,
                             const std::vector<level1::codes> &expected)
{
    CHECK(x.size() == expected.size());
    std::size_t n = 0;
    for (std::size_t i = 0; i < x.size(); i++)
        n += infer(model, x[i]) != expected[i];
    return n;
}

static void deployed(const std::string &l1)
{
    ModelLoader loader(path_of("GTADModel_v4"));
    std::shared_ptr<Model> model = loader.load_model();
    std::vector<level1::inputs> random =
        level1::read_random(l1 + "/axol1tl_v4_random.txt");
    std::size_t n =
        differing(*model, random, level1::read_codes(l1 + "/axol1tl_v4_random.txt", 58));
    std::printf("random: %zu events, %zu differ\n", random.size(), n);
    CHECK(random.size() == 2000 && n == 0);
    for (const char *sample : {"ttbar", "data"})
        for (const char *convention : {"halved", "firmware"}) {
            std::vector<level1::inputs> x =
                level1::read_vectors(l1 + "/ugt_2025_v1_0_1_" + sample + ".txt",
                                     std::strcmp(convention, "halved") == 0);
            std::string codes = l1 + "/axol1tl_v4_" + sample + "_" + convention + ".txt";
            n = differing(*model, x, level1::read_codes(codes, 1));
            std::printf("%s, %s: %zu events, %zu differ\n", sample, convention, x.size(),
                        n);
            CHECK(x.size() == 3564 && n == 0);
        }
}

// ---- wrong types, colliding versions, lifetimes, threads ----

static void wrong_types_throw()
{
    ModelLoader loader(path_of("GTADModel_v4"));
    std::shared_ptr<Model> model = loader.load_model();
    ap_fixed<18, 12> wrong_input[level1::n_input];
    unscaled_t input[level1::n_input];
    std::pair<std::array<ap_fixed<10, 7>, 8>, score_t> wrong_result; // other modes
    network_result by_value;
    thrown<std::bad_any_cast>([&] { model->prepare_input(wrong_input); });
    thrown<std::bad_any_cast>([&] { model->prepare_input(1.5f); });
    thrown<std::bad_any_cast>([&] { model->prepare_input(std::any()); });
    model->prepare_input(input);
    model->predict();
    thrown<std::bad_any_cast>([&] { model->read_result(&wrong_result); });
    thrown<std::bad_any_cast>([&] { model->read_result(by_value); });
}

static std::vector<level1::inputs> some_events(const std::string &l1)
{
    std::vector<level1::inputs> x = level1::read_random(l1 + "/axol1tl_v4_random.txt");
    x.resize(200);
    return x;
}

static std::vector<level1::codes> answers(Model &model,
                                          const std::vector<level1::inputs> &x)
{
    std::vector<level1::codes> all;
    for (const level1::inputs &event : x)
        all.push_back(infer(model, event));
    return all;
}

// Two versions with the same symbols, types and C++ names, run alternately.
static void versions_do_not_collide(const std::string &l1)
{
    std::vector<level1::inputs> x = some_events(l1);
    std::vector<level1::codes> alone[2];
    const std::string names[2] = {"GTADModel_v4", "GTADModel_v4b"};
    for (int v = 0; v < 2; v++) {
        ModelLoader loader(path_of(names[v]));
        alone[v] = answers(*loader.load_model(), x);
    }
    CHECK(alone[0] != alone[1]);
    ModelLoader a(path_of(names[0])), b(path_of(names[1]));
    std::shared_ptr<Model> first = a.load_model(), second = b.load_model();
    for (std::size_t i = 0; i < x.size(); i++) {
        CHECK(infer(*first, x[i]) == alone[0][i]);
        CHECK(infer(*second, x[i]) == alone[1][i]);
    }
}

static void models_outlive_loaders(const std::string &l1)
{
    std::vector<level1::inputs> x = some_events(l1);
    std::shared_ptr<Model> model;
    std::vector<level1::codes> before;
    {
        ModelLoader loader(path_of("GTADModel_v4"));
        model = loader.load_model();
        before = answers(*model, x);
    }
    CHECK(answers(*model, x) == before);
    model.reset(); // by the plugin's own code
}

static void loads_again_and_again()
{
    for (int i = 0; i < 5000; i++) {
        ModelLoader loader(path_of("Arrays_v1"));
        std::shared_ptr<Model> one = loader.load_model(), two = loader.load_model();
        ap_fixed<16, 6> in[2] = {1, 2};
        one->prepare_input(in);
        two->predict();
    }
}

static void failures_are_exceptions()
{
    ModelLoader missing(plugins + "/NoSuchModel_v9");
    thrown<std::runtime_error>([&] { missing.load_model(); });
    ModelLoader alone(plugins + "/alone/Pointer_v1"); // without its .tglr
    std::string text = thrown<std::runtime_error>([&] { alone.load_model(); });
    CHECK(text.find("Pointer_v1.tglr") != std::string::npos);
    CHECK(text.find("cannot open") != std::string::npos);
    ModelLoader other(plugins + "/other/Pointer_v1"); // with another model's
    text = thrown<std::runtime_error>([&] { other.load_model(); });
    CHECK(text.find("plugin 'Pointer_v1': program: expected sha256:") !=
          std::string::npos);
}

static void sixty_four_threads(const std::string &l1)
{
    std::vector<level1::inputs> x = some_events(l1);
    const std::string names[2] = {"GTADModel_v4", "GTADModel_v4b"};
    std::vector<level1::codes> expected[2];
    for (int v = 0; v < 2; v++) {
        ModelLoader loader(path_of(names[v]));
        expected[v] = answers(*loader.load_model(), x);
    }
    std::vector<std::thread> threads;
    std::vector<int> wrong(64);
    for (std::size_t t = 0; t < 64; t++)
        threads.emplace_back([&, t] {
            ModelLoader loader(path_of(names[t % 2]));
            std::shared_ptr<Model> model = loader.load_model();
            wrong[t] = answers(*model, x) != expected[t % 2];
        });
    for (std::thread &t : threads)
        t.join();
    for (int w : wrong)
        CHECK(w == 0);
}

int main(int argc, char **argv)
{
    CHECK(argc == 3);
    plugins = argv[1];
    const std::string l1 = argv[2];
    unsigned_integers();
    pairs_of_arrays();
    pairs_of_scalars();
    pointers_to_arrays();
    failures_are_exceptions();
    loads_again_and_again();
    deployed(l1);
    wrong_types_throw();
    versions_do_not_collide(l1);
    models_outlive_loaders(l1);
    sixty_four_threads(l1);
    std::printf("plugin: good\n");
    return 0;
}
