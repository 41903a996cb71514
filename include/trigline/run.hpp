/** @file
 * libtrigline-run for C++17, header only: ownership, spans, and failures as exceptions
 * that carry code and place. See run.h for what each call means.
 *
 *   trigline::model model = trigline::model::open("GTADModel_v4.tglr");
 *   trigline::scratch scratch(model);                      // one per thread
 *   std::vector<std::int64_t> in(model.n_input()), out(model.n_output());
 *   model.event(out, in, scratch);
 */
#ifndef TRIGLINE_RUN_HPP
#define TRIGLINE_RUN_HPP

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>

#include <trigline/run.h>

namespace trigline
{

/** A failed call: what() is one line that says what, where, expected, found. */
class error : public std::runtime_error
{
  public:
    explicit error(const tgl_error &from)
        : std::runtime_error(from.message), code_(from.code), offset_(from.offset)
    {
    }
    tgl_status code() const noexcept
    {
        return code_;
    }
    /** TGL_EFORMAT and the like. */
    const char *code_name() const noexcept
    {
        return tgl_status_name(code_);
    }
    /** Whether offset() says a place: a byte in the file, or an event of a batch. */
    bool has_offset() const noexcept
    {
        return offset_ != TGL_NO_OFFSET;
    }
    std::uint64_t offset() const noexcept
    {
        return offset_;
    }

  private:
    tgl_status code_;
    std::uint64_t offset_;
};

/** A borrowed run of objects, as C++20's std::span. */
template <class T> class span
{
  public:
    constexpr span() noexcept = default;
    constexpr span(T *data, std::size_t size) noexcept : data_(data), size_(size)
    {
    }
    template <std::size_t N> constexpr span(T (&array)[N]) noexcept : span(array, N)
    {
    }
    /** Any container with data() and size(): std::vector, std::array, std::string. */
    template <class C, class = std::enable_if_t<std::is_convertible_v<
                           decltype(std::declval<C &>().data()), T *>>>
    constexpr span(C &&container) : span(container.data(), container.size())
    {
    }
    constexpr T *data() const noexcept
    {
        return data_;
    }
    constexpr std::size_t size() const noexcept
    {
        return size_;
    }
    constexpr bool empty() const noexcept
    {
        return size_ == 0;
    }
    constexpr T &operator[](std::size_t i) const
    {
        return data_[i];
    }
    constexpr T *begin() const noexcept
    {
        return data_;
    }
    constexpr T *end() const noexcept
    {
        return data_ + size_;
    }

  private:
    T *data_ = nullptr;
    std::size_t size_ = 0;
};

class scratch;

/** A loaded model. Immutable: threads share it by reference. Moves, does not copy. */
class model
{
  public:
    /** `payload`: values of another interval of validity, empty for the file's own. */
    static model open(const std::string &path, span<const unsigned char> payload = {})
    {
        return load(
            [&](tgl_run **out, const tgl_run_options *options, tgl_error *err) {
                return tgl_run_open(out, path.c_str(), options, err);
            },
            payload);
    }
    static model from_memory(span<const unsigned char> bytes,
                             const std::string &name = "run-time file in memory",
                             span<const unsigned char> payload = {})
    {
        return load(
            [&](tgl_run **out, const tgl_run_options *options, tgl_error *err) {
                return tgl_run_open_memory(out, bytes.data(), bytes.size(), name.c_str(),
                                           options, err);
            },
            payload);
    }

    /** "name", "version", "convention", "package", "program" …; "" when not said. */
    std::string info(const std::string &key) const
    {
        return tgl_run_info(run_.get(), key.c_str());
    }
    std::size_t n_input() const noexcept
    {
        return tgl_run_n_input(run_.get());
    }
    std::size_t n_output() const noexcept
    {
        return tgl_run_n_output(run_.get());
    }
    const tgl_run_port &input(std::size_t index) const
    {
        return port(tgl_run_input, n_input(), index);
    }
    const tgl_run_port &output(std::size_t index) const
    {
        return port(tgl_run_output, n_output(), index);
    }
    std::size_t find_input(const std::string &name) const
    {
        return find(tgl_run_find_input, name);
    }
    std::size_t find_output(const std::string &name) const
    {
        return find(tgl_run_find_output, name);
    }
    /** The columns that the input convention reads, in the order that extract() takes. */
    std::size_t n_column() const noexcept
    {
        return tgl_run_n_column(run_.get());
    }
    std::string column(std::size_t number) const
    {
        const char *name = tgl_run_column(run_.get(), static_cast<std::uint32_t>(number));
        return name == nullptr ? "" : name;
    }

    /** One event: `out` (n_output) codes from `in` (n_input) codes. */
    void event(span<std::int64_t> out, span<const std::int64_t> in, scratch &memory) const
    {
        check_sizes(out.size(), in.size(), 1);
        run(out, in, 1, memory);
    }
    /** Many events in the calling thread; as many as `in` holds. */
    void batch(span<std::int64_t> out, span<const std::int64_t> in, scratch &memory) const
    {
        std::size_t n = n_input() == 0 ? 0 : in.size() / n_input();
        check_sizes(out.size(), in.size(), n);
        run(out, in, n, memory);
    }
    /** One event's input codes from its columns; how many codes were clamped. */
    std::uint64_t extract(span<std::int64_t> codes,
                          span<const tgl_run_values> columns) const
    {
        std::uint64_t n_saturated = 0;
        if (codes.size() != n_input() || columns.size() != n_column())
            throw std::length_error(
                "trigline: extract: expected " + std::to_string(n_input()) +
                " codes and " + std::to_string(n_column()) + " columns, found " +
                std::to_string(codes.size()) + " and " + std::to_string(columns.size()));
        check([&](tgl_error *err) {
            return tgl_run_extract(codes.data(), &n_saturated, run_.get(), columns.data(),
                                   err);
        });
        return n_saturated;
    }

    const tgl_run *get() const noexcept
    {
        return run_.get();
    }

  private:
    struct close {
        void operator()(tgl_run *run) const noexcept
        {
            tgl_run_close(run);
        }
    };
    explicit model(tgl_run *run) : run_(run)
    {
    }

    template <class Call> static void check(Call call)
    {
        tgl_error err;
        if (call(&err) != TGL_OK)
            throw error(err);
    }
    template <class Open> static model load(Open open, span<const unsigned char> payload)
    {
        tgl_run_options options = TGL_RUN_OPTIONS_INIT;
        options.payload = payload.data();
        options.payload_size = payload.size();
        tgl_run *run = nullptr;
        check([&](tgl_error *err) { return open(&run, &options, err); });
        return model(run);
    }
    template <class Look>
    const tgl_run_port &port(Look look, std::size_t n, std::size_t index) const
    {
        if (index >= n)
            throw std::out_of_range("trigline: expected a port below " +
                                    std::to_string(n) + ", found " +
                                    std::to_string(index));
        return *look(run_.get(), static_cast<std::uint32_t>(index));
    }
    template <class Find> std::size_t find(Find find_port, const std::string &name) const
    {
        std::uint32_t index = 0;
        check([&](tgl_error *err) {
            return find_port(&index, run_.get(), name.c_str(), err);
        });
        return index;
    }
    void check_sizes(std::size_t out, std::size_t in, std::size_t n) const
    {
        if (out != n * n_output() || in != n * n_input())
            throw std::length_error("trigline: " + std::to_string(n) +
                                    " events: expected " + std::to_string(n * n_input()) +
                                    " input codes and " + std::to_string(n * n_output()) +
                                    " output codes, found " + std::to_string(in) +
                                    " and " + std::to_string(out));
    }
    void run(span<std::int64_t> out, span<const std::int64_t> in, std::size_t n,
             scratch &memory) const;

    std::unique_ptr<tgl_run, close> run_;
};

/** One thread's scratch memory for one model. */
class scratch
{
  public:
    explicit scratch(const model &of)
        : memory_(::operator new (tgl_run_scratch_size(of.get()),
                                  std::align_val_t{TGL_RUN_ALIGNMENT}))
    {
    }
    void *data() noexcept
    {
        return memory_.get();
    }

  private:
    struct release {
        void operator()(void *memory) const noexcept
        {
            ::operator delete (memory, std::align_val_t{TGL_RUN_ALIGNMENT});
        }
    };
    std::unique_ptr<void, release> memory_;
};

inline void model::run(span<std::int64_t> out, span<const std::int64_t> in, std::size_t n,
                       scratch &memory) const
{
    check([&](tgl_error *err) {
        return tgl_run_batch(out.data(), run_.get(), in.data(), n, memory.data(), err);
    });
}

} // namespace trigline

#endif
