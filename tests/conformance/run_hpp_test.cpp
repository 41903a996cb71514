// The C++ face of the run-time library over one file: run_hpp_test MODEL.tglr. The model
// is fuzz/corpus/fuzz_run/rules.tglr: sum = a + b, fires = sum > 2.5.
#include <array>
#include <fstream>
#include <iterator>
#include <thread>
#include <type_traits>
#include <vector>

#include <trigline/run.hpp>

#include "support/check.hpp"

static_assert(!std::is_copy_constructible_v<trigline::model>);
static_assert(std::is_nothrow_move_constructible_v<trigline::model>);

static void says_what_it_is(const trigline::model &m)
{
    CHECK(m.info("name") == "small" && m.info("version") == "7");
    CHECK(m.info("no such").empty());
    CHECK(m.n_input() == 2 && m.n_output() == 2);
    CHECK(m.input(0).name == std::string("a") && m.input(1).type.frac == 2);
    CHECK(m.find_output("fires") == 1);
    CHECK(m.n_column() == 4 && m.column(3) == "mass" && m.column(4).empty());
    CHECK(thrown<std::out_of_range>([&] { m.output(2); }) ==
          "trigline: expected a port below 2, found 2");
}

static void runs(const trigline::model &m)
{
    trigline::scratch scratch(m);
    std::vector<std::int64_t> in = {3, -20, 12, 8}, out(4);
    m.batch(out, in, scratch);
    CHECK((out == std::vector<std::int64_t>{-8, 0, 56, 1}));
    std::int64_t one[2];
    std::array<std::int64_t, 2> event = {12, 8};
    m.event(one, event, scratch);
    CHECK(one[0] == 56 && one[1] == 1);
    const std::int64_t integers[] = {9, 8}, zeros[] = {0, 0};
    const double mass[] = {1e9};
    std::array<tgl_run_values, 4> columns = {{{integers, nullptr, 2, 0},
                                              {zeros, nullptr, 2, 0},
                                              {nullptr, nullptr, 0, 1},
                                              {nullptr, mass, 1, 0}}};
    CHECK(m.extract(event, columns) == 1);
    CHECK(event[0] == 4 && event[1] == 127); // (8 + 1) >> 1; clamped
}

static void throws(const std::string &path, const trigline::model &m)
{
    trigline::scratch scratch(m);
    std::vector<std::int64_t> in = {3, -20, 256, 8}, out(4), few(3);
    try {
        m.batch(out, in, scratch);
        CHECK(false);
    } catch (const trigline::error &e) {
        CHECK(e.code() == TGL_ELIMIT && e.code_name() == std::string("TGL_ELIMIT"));
        CHECK(e.has_offset() && e.offset() == 1);
        CHECK(std::string(e.what()) ==
              "event 1: input 'a': expected a code in [0, 255], found 256");
    }
    CHECK(thrown<std::length_error>([&] { m.batch(few, in, scratch); }) ==
          "trigline: 2 events: expected 4 input codes and 4 output codes, found 4 and 3");
    CHECK(thrown<trigline::error>([&] { m.find_input("x"); }) ==
          "model 'small' has no input 'x': expected one of 2, 'a' first");
    try {
        trigline::model::open(path + ".not");
        CHECK(false);
    } catch (const trigline::error &e) {
        CHECK(e.code() == TGL_ENOTFOUND && !e.has_offset());
    }
    std::ifstream file(path, std::ios::binary);
    std::vector<unsigned char> bytes{std::istreambuf_iterator<char>(file), {}};
    trigline::model again = trigline::model::from_memory(bytes);
    CHECK(again.info("name") == "small");
    bytes[200] ^= 1;
    try {
        trigline::model::from_memory(bytes, "mine");
        CHECK(false);
    } catch (const trigline::error &e) {
        CHECK(e.code() == TGL_EFORMAT && e.has_offset());
        CHECK(std::string(e.what()).rfind("mine: ", 0) == 0);
    }
}

// One model, 64 threads, each with scratch of its own.
static void is_shared(const trigline::model &m)
{
    std::vector<std::thread> threads;
    std::vector<int> wrong(64);
    for (int t = 0; t < 64; t++)
        threads.emplace_back([&m, &wrong, t] {
            trigline::scratch scratch(m);
            std::int64_t in[2] = {t, -t}, out[2];
            for (int i = 0; i < 200; i++) {
                m.event(out, in, scratch);
                wrong[static_cast<std::size_t>(t)] += out[0] != 3 * t;
            }
        });
    for (std::thread &t : threads)
        t.join();
    for (int n : wrong)
        CHECK(n == 0);
}

int main(int argc, char **argv)
{
    CHECK(argc == 2);
    trigline::model first = trigline::model::open(argv[1]);
    trigline::model m = std::move(first);
    says_what_it_is(m);
    runs(m);
    throws(argv[1], m);
    is_shared(m);
    std::printf("run.hpp: good\n");
    return 0;
}
