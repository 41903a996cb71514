/* The interface that CMSSW's hls4ml emulator loader calls through: four virtual functions
 * in this order. A build that has the loader's own header (hls4ml/emulator.h) defines
 * TRIGLINE_HLS4ML_EMULATOR_HEADER to it, and this declaration is left out. */
#ifndef TRIGLINE_HLS4ML_EMULATOR_HPP
#define TRIGLINE_HLS4ML_EMULATOR_HPP

#ifdef TRIGLINE_HLS4ML_EMULATOR_HEADER
#include TRIGLINE_HLS4ML_EMULATOR_HEADER
#else
#include <any>

namespace hls4mlEmulator
{
class Model
{
  public:
    virtual void prepare_input(std::any input) = 0; // the any holds a pointer
    virtual void predict() = 0;
    virtual void read_result(std::any result) = 0; // the any holds a pointer
    virtual ~Model() = default;
};
} // namespace hls4mlEmulator
#endif

#endif
