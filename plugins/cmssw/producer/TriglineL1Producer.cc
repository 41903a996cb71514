// A network of the Level-1 trigger as a CMSSW producer: one model for all streams, inputs
// by the model's own convention, every output code in the event.
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "FWCore/Framework/interface/Event.h"
#include "FWCore/Framework/interface/MakerMacros.h"
#include "FWCore/Framework/interface/global/EDProducer.h"
#include "FWCore/ParameterSet/interface/ParameterSet.h"

#include <trigline/run.hpp>

#include "L1Columns.h"

namespace trigline
{

// What one stream writes to; the model itself is shared.
struct L1Workspace {
    explicit L1Workspace(const trigline::model &model)
        : scratch(model), in(model.n_input()), values(model.n_column())
    {
    }
    trigline::scratch scratch;
    std::vector<std::int64_t> in;
    std::vector<tgl_run_values> values;
    trigline::L1Columns columns;
};

} // namespace trigline

class TriglineL1Producer
    : public edm::global::EDProducer<edm::StreamCache<trigline::L1Workspace>>
{
  public:
    explicit TriglineL1Producer(const edm::ParameterSet &config)
        : model_(trigline::model::open(config.getParameter<std::string>("model"))),
          muons_(
              consumes<BXVector<l1t::Muon>>(config.getParameter<edm::InputTag>("muons"))),
          egammas_(consumes<BXVector<l1t::EGamma>>(
              config.getParameter<edm::InputTag>("egammas"))),
          jets_(consumes<BXVector<l1t::Jet>>(config.getParameter<edm::InputTag>("jets"))),
          sums_(
              consumes<BXVector<l1t::EtSum>>(config.getParameter<edm::InputTag>("sums")))
    {
        // Names once, numbers in the event loop. The convention is what the analysis
        // means, not what the file happens to hold: it must be said.
        std::string wanted = config.getParameter<std::string>("convention");
        if (model_.info("convention") != wanted)
            throw std::runtime_error("model " + model_.info("name") +
                                     ": expected the input convention '" + wanted +
                                     "', found '" + model_.info("convention") + "'");
        for (std::size_t i = 0; i < model_.n_column(); i++)
            numbers_.push_back(trigline::L1Columns::number(model_.column(i)));
        produces<std::vector<std::int64_t>>("codes");
    }

    std::unique_ptr<trigline::L1Workspace> beginStream(edm::StreamID) const override
    {
        return std::make_unique<trigline::L1Workspace>(model_);
    }

    void produce(edm::StreamID stream, edm::Event &event,
                 const edm::EventSetup &) const override
    {
        trigline::L1Workspace &w = *streamCache(stream);
        w.columns.fill(
            {event.get(muons_), event.get(egammas_), event.get(jets_), event.get(sums_)});
        for (std::size_t i = 0; i < numbers_.size(); i++) {
            bool known = numbers_[i] < trigline::L1Columns::count;
            w.values[i] = known ? tgl_run_values{w.columns[numbers_[i]].data(), nullptr,
                                                 w.columns[numbers_[i]].size(), 0}
                                : tgl_run_values{nullptr, nullptr, 0, 1};
        }
        model_.extract(w.in, w.values);
        auto codes = std::make_unique<std::vector<std::int64_t>>(model_.n_output());
        model_.event(*codes, w.in, w.scratch);
        event.put(std::move(codes), "codes");
    }

  private:
    trigline::model model_;
    edm::EDGetTokenT<BXVector<l1t::Muon>> muons_;
    edm::EDGetTokenT<BXVector<l1t::EGamma>> egammas_;
    edm::EDGetTokenT<BXVector<l1t::Jet>> jets_;
    edm::EDGetTokenT<BXVector<l1t::EtSum>> sums_;
    std::vector<std::size_t> numbers_;
};

DEFINE_FWK_MODULE(TriglineL1Producer);
