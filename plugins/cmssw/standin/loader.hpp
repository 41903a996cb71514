/* What hls4mlEmulatorExtras' ModelLoader does with a plugin, for tests without it: open
 * NAME.so, look up two functions, hand out models. Two lifetimes are in use: 1.1.4 closes
 * the library with the loader, whoever still holds a model; from 1.1.7 on every model
 * holds the library (STANDIN_MODELS_HOLD_LIBRARY). */
#ifndef TRIGLINE_STANDIN_LOADER_HPP
#define TRIGLINE_STANDIN_LOADER_HPP

#include <dlfcn.h>

#include <memory>
#include <stdexcept>
#include <string>

#include <trigline/hls4ml_emulator.hpp>

namespace hls4mlEmulator
{

class ModelLoader
{
  public:
    explicit ModelLoader(const std::string &name) : name_(name)
    {
    }
    ModelLoader(const ModelLoader &) = delete;
    ModelLoader &operator=(const ModelLoader &) = delete;

    std::shared_ptr<Model> load_model()
    {
        std::string file = name_ + ".so";
        void *handle = dlopen(file.c_str(), RTLD_LAZY | RTLD_LOCAL);
        if (handle == nullptr)
            throw std::runtime_error("cannot load " + file + ": " + dlerror());
        std::shared_ptr<void> library(handle, dlclose);
        auto create = reinterpret_cast<Model *(*)()>(dlsym(handle, "create_model"));
        auto destroy =
            reinterpret_cast<void (*)(Model *)>(dlsym(handle, "destroy_model"));
        if (create == nullptr || destroy == nullptr)
            throw std::runtime_error(file + " is no model: two functions are missing");
#ifdef STANDIN_MODELS_HOLD_LIBRARY
        return std::shared_ptr<Model>(create(),
                                      [library, destroy](Model *m) { destroy(m); });
#else
        library_ = library;
        return std::shared_ptr<Model>(create(), destroy);
#endif
    }

  private:
    std::string name_;
    std::shared_ptr<void> library_;
};

} // namespace hls4mlEmulator

#endif
