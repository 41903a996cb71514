/* The Level-1 test vectors and the deployed network's inputs, read here by the bit ranges
 * alone, so that nothing of the library's own readers is trusted. */
#ifndef TESTS_LEVEL1_HPP
#define TESTS_LEVEL1_HPP

#include <array>
#include <cstdint>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "support/check.hpp"

namespace level1
{

enum { n_input = 57, n_code = 9 };
/* in units of half a GeV (energies) and of one (angles): pt, eta, phi of each object */
using inputs = std::array<double, n_input>;
using codes = std::array<long long, n_code>; /* eight outputs, score */

inline long long bits(std::uint64_t word, int low, int n, bool is_signed = false)
{
    long long v = static_cast<long long>(word >> low & ((std::uint64_t(1) << n) - 1));
    return is_signed && v >> (n - 1) ? v - (1LL << n) : v;
}

/* `halved`: pt by integer division, as the software emulator filled it; else the half
 * GeV is kept, as the firmware does. */
inline double energy(long long hardware, bool halved)
{
    return halved ? static_cast<double>(hardware / 2) : static_cast<double>(hardware) / 2;
}

inline inputs network_inputs(const std::vector<std::string> &columns, bool halved)
{
    inputs x{};
    std::size_t at = 0;
    auto put = [&](long long pt, long long eta, long long phi) {
        x[at++] = energy(pt, halved);
        x[at++] = static_cast<double>(eta);
        x[at++] = static_cast<double>(phi);
    };
    auto word = [&](std::size_t i) { return std::stoull(columns[i], nullptr, 16); };
    put(bits(word(47), 0, 12), 0, bits(word(47), 12, 8));
    for (std::size_t i = 9; i < 13; i++)
        put(bits(word(i), 0, 9), bits(word(i), 9, 8, true), bits(word(i), 17, 8));
    for (std::size_t i = 1; i < 5; i++)
        put(bits(word(i), 10, 9), bits(word(i), 23, 9, true), bits(word(i), 0, 10));
    for (std::size_t i = 33; i < 43; i++)
        put(bits(word(i), 0, 11), bits(word(i), 11, 8, true), bits(word(i), 19, 8));
    return x;
}

inline std::vector<inputs> read_vectors(const std::string &path, bool halved)
{
    std::ifstream file(path);
    std::vector<inputs> all;
    for (std::string line; std::getline(file, line);) {
        std::istringstream words(line);
        std::vector<std::string> columns;
        for (std::string w; words >> w;)
            columns.push_back(w);
        if (columns.size() == 60)
            all.push_back(network_inputs(columns, halved));
    }
    return all;
}

/* Lines of numbers: the last nine are codes, after `skip` others. */
inline std::vector<codes> read_codes(const std::string &path, std::size_t skip)
{
    std::ifstream file(path);
    std::vector<codes> all;
    for (std::string line; std::getline(file, line);) {
        std::istringstream words(line);
        std::string ignored;
        for (std::size_t i = 0; i < skip; i++)
            words >> ignored;
        codes c{};
        for (long long &v : c)
            words >> v;
        CHECK(words);
        all.push_back(c);
    }
    return all;
}

/* The 2,000 random lines: 57 inputs in halves, a bar, codes. */
inline std::vector<inputs> read_random(const std::string &path)
{
    std::ifstream file(path);
    std::vector<inputs> all;
    for (std::string line; std::getline(file, line);) {
        std::istringstream words(line);
        inputs x{};
        for (double &v : x) {
            words >> v;
            v /= 2;
        }
        CHECK(words);
        all.push_back(x);
    }
    return all;
}

} // namespace level1

#endif
