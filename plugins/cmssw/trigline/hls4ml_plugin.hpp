/** @file
 * A run-time file as a model for CMSSW's hls4ml emulator loader: what a shared object
 * that hls4ml compiled hands out (create_model, destroy_model), over libtrigline-run.
 * `trigline model export --as plugin` writes the ten lines that use it.
 *
 * The file NAME.tglr lies beside the shared object. It is loaded once a process, checked
 * against the program's digest and the C++ types, and shared by every instance; each
 * instance has its own scratch memory, so one instance a stream needs no lock. The
 * library stays mapped once a model was made: an instance may outlive the loader that
 * opened it (hls4mlEmulatorExtras 1.1.4 closes the library first).
 */
#ifndef TRIGLINE_HLS4ML_PLUGIN_HPP
#define TRIGLINE_HLS4ML_PLUGIN_HPP

#include <any>
#include <array>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <dlfcn.h>

#include "ap_fixed.h"
#include "ap_int.h"

#include <trigline/hls4ml_emulator.hpp>
#include <trigline/run.hpp>

namespace trigline
{
namespace hls4ml
{
/* Everything here has internal linkage: two plugins of one process must share nothing,
 * and a static of an inline function would be one object for both (STB_GNU_UNIQUE). */
namespace
{

/* ---- C++ types as codes: layout<T> walks pairs and arrays down to ap_ numbers ---- */

template <class T> struct layout {
    static_assert(sizeof(T) == 0,
                  "expected ap_fixed, ap_ufixed, ap_int, ap_uint (at most 63 bits), or "
                  "std::array and std::pair of them");
};

template <int W, int Frac, bool Signed, class T> struct number {
    static_assert(W <= TGL_MAX_WIDTH, "codes of at most 63 bits");
    static constexpr std::size_t size = 1;
    static void types(tgl_type *out)
    {
        *out = {static_cast<std::uint8_t>(Signed), static_cast<std::uint8_t>(W),
                static_cast<std::int16_t>(Frac)};
    }
    /* V is the integer behind the number, in every version of ap_types. */
    static void get(std::int64_t *codes, const T &from)
    {
        *codes = from.V.to_int64();
    }
    static void set(T &to, const std::int64_t *codes)
    {
        to.V = static_cast<long long>(*codes);
    }
};

template <int W, int I, ap_q_mode Q, ap_o_mode O, int N>
struct layout<ap_fixed<W, I, Q, O, N>> : number<W, W - I, true, ap_fixed<W, I, Q, O, N>> {
};
template <int W, int I, ap_q_mode Q, ap_o_mode O, int N>
struct layout<ap_ufixed<W, I, Q, O, N>>
    : number<W, W - I, false, ap_ufixed<W, I, Q, O, N>> {
};
template <int W> struct layout<ap_int<W>> : number<W, 0, true, ap_int<W>> {
};
template <int W> struct layout<ap_uint<W>> : number<W, 0, false, ap_uint<W>> {
};

template <class T, std::size_t N> struct layout<std::array<T, N>> {
    using item = layout<T>;
    static constexpr std::size_t size = N * item::size;
    static void types(tgl_type *out)
    {
        for (std::size_t i = 0; i < N; i++)
            item::types(out + i * item::size);
    }
    static void get(std::int64_t *codes, const std::array<T, N> &from)
    {
        for (std::size_t i = 0; i < N; i++)
            item::get(codes + i * item::size, from[i]);
    }
    static void set(std::array<T, N> &to, const std::int64_t *codes)
    {
        for (std::size_t i = 0; i < N; i++)
            item::set(to[i], codes + i * item::size);
    }
};

template <class A, class B> struct layout<std::pair<A, B>> {
    static constexpr std::size_t size = layout<A>::size + layout<B>::size;
    static void types(tgl_type *out)
    {
        layout<A>::types(out);
        layout<B>::types(out + layout<A>::size);
    }
    static void get(std::int64_t *codes, const std::pair<A, B> &from)
    {
        layout<A>::get(codes, from.first);
        layout<B>::get(codes + layout<A>::size, from.second);
    }
    static void set(std::pair<A, B> &to, const std::int64_t *codes)
    {
        layout<A>::set(to.first, codes);
        layout<B>::set(to.second, codes + layout<A>::size);
    }
};

/* ---- the file beside the library ---- */

/* Path of the shared object that holds `symbol`, which from now on stays loaded. */
std::string keep_loaded(const void *symbol)
{
    Dl_info info;
    if (dladdr(symbol, &info) == 0 || info.dli_fname == nullptr)
        throw std::runtime_error("trigline: the plugin cannot find its own file");
    std::string path = info.dli_fname;
    void *self = dlopen(path.c_str(), RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE);
    if (self != nullptr)
        dlclose(self);
    return path;
}

void expect(const char *name, const char *what, const std::string &expected,
            const std::string &found)
{
    if (expected != found)
        throw std::runtime_error(std::string("trigline: plugin '") + name + "': " + what +
                                 ": expected " + expected + ", found " + found);
}

std::string text(tgl_type type)
{
    char out[TGL_TYPE_TEXT];
    tgl_type_format(out, type);
    return out;
}

/* Hold C++ types against the ports; both sides in the order of memory. */
template <class T, class Port>
void check_types(const char *name, const char *what, std::size_t count, Port port)
{
    std::vector<tgl_type> types(layout<T>::size);
    layout<T>::types(types.data());
    for (std::size_t i = 0; i < count * types.size(); i++) {
        const tgl_run_port &p = port(i);
        std::string where = what + (" " + std::to_string(i) + " ('") + p.name + "')";
        expect(name, where.c_str(), text(p.type), text(types[i % types.size()]));
    }
}

template <class In, std::size_t NIn, class Out, std::size_t NOut> struct signature {
    static constexpr std::size_t n_input = NIn * layout<In>::size;
    static constexpr std::size_t n_result = NOut * layout<Out>::size;

    static model open(const char *name, const char *program, const void *symbol)
    {
        std::string path = keep_loaded(symbol);
        std::size_t slash = path.rfind('/');
        path = slash == std::string::npos ? "" : path.substr(0, slash + 1);
        model loaded = model::open(path + name + ".tglr");
        expect(name, "program", program, loaded.info("program"));
        expect(name, "inputs", std::to_string(n_input), std::to_string(loaded.n_input()));
        check_types<In>(
            name, "input", NIn, [&](std::size_t i) -> auto & { return loaded.input(i); });
        check_types<Out>(
            name, "result",
            NOut, [&](std::size_t i) -> auto & { return loaded.output(i); });
        return loaded;
    }

    class emulator final : public hls4mlEmulator::Model
    {
      public:
        explicit emulator(const model &of)
            : model_(of), scratch_(of), in_(n_input), out_(of.n_output())
        {
        }
        void prepare_input(std::any input) override
        {
            const In *from = std::any_cast<In *>(input);
            for (std::size_t i = 0; i < NIn; i++)
                layout<In>::get(in_.data() + i * layout<In>::size, from[i]);
        }
        void predict() override
        {
            model_.event(out_, in_, scratch_);
        }
        void read_result(std::any result) override
        {
            Out *to = std::any_cast<Out *>(result);
            for (std::size_t i = 0; i < NOut; i++)
                layout<Out>::set(to[i], out_.data() + i * layout<Out>::size);
        }

      private:
        const model &model_;
        scratch scratch_;
        std::vector<std::int64_t> in_, out_;
    };
};

} // namespace
} // namespace hls4ml
} // namespace trigline

/**
 * The two functions that the loader looks up.
 * @param NAME of the model: NAME.tglr lies beside the library
 * @param PROGRAM digest of its program, "sha256:…": another file is refused
 * @param IN, N_IN the any of prepare_input holds IN *, N_IN objects behind it
 * @param OUT, N_OUT the any of read_result holds OUT *; its numbers are the model's first
 * outputs, in order
 */
#define TRIGLINE_HLS4ML_PLUGIN(NAME, PROGRAM, IN, N_IN, OUT, N_OUT)                      \
    extern "C" __attribute__((visibility("default"))) hls4mlEmulator::Model *            \
    create_model();                                                                      \
    extern "C" __attribute__((visibility("default"))) void destroy_model(                \
        hls4mlEmulator::Model *);                                                        \
    extern "C" hls4mlEmulator::Model *create_model()                                     \
    {                                                                                    \
        using plugin = trigline::hls4ml::signature<IN, N_IN, OUT, N_OUT>;                \
        /* once a process and never released: instances may outlive every static */      \
        static const trigline::model *const shared = new trigline::model(                \
            plugin::open(NAME, PROGRAM, reinterpret_cast<const void *>(&create_model))); \
        return new plugin::emulator(*shared);                                            \
    }                                                                                    \
    extern "C" void destroy_model(hls4mlEmulator::Model *model)                          \
    {                                                                                    \
        delete model;                                                                    \
    }

#endif
