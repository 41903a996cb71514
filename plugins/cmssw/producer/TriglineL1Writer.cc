// Level-1 objects as columns, straight out of a CMSSW job: NPZ or HDF5 with run, lumi,
// event and the file of each row, and with release, global tag and data set in the file's
// provenance. What it writes, `trigline train` and `trigline model run` read.
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "FWCore/Framework/interface/Event.h"
#include "FWCore/Framework/interface/FileBlock.h"
#include "FWCore/Framework/interface/MakerMacros.h"
#include "FWCore/Framework/interface/one/EDAnalyzer.h"
#include "FWCore/ParameterSet/interface/ParameterSet.h"
#include "FWCore/Version/interface/GetReleaseVersion.h"

#include <trigline/data.h>

#include "L1Columns.h"

class TriglineL1Writer : public edm::one::EDAnalyzer<edm::one::WatchInputFiles>
{
  public:
    explicit TriglineL1Writer(const edm::ParameterSet &config)
        : path_(config.getParameter<std::string>("output")),
          muons_(
              consumes<BXVector<l1t::Muon>>(config.getParameter<edm::InputTag>("muons"))),
          egammas_(consumes<BXVector<l1t::EGamma>>(
              config.getParameter<edm::InputTag>("egammas"))),
          jets_(consumes<BXVector<l1t::Jet>>(config.getParameter<edm::InputTag>("jets"))),
          sums_(
              consumes<BXVector<l1t::EtSum>>(config.getParameter<edm::InputTag>("sums")))
    {
        std::string release = edm::getReleaseVersion();
        std::string tag = config.getParameter<std::string>("globalTag");
        std::string dataset = config.getParameter<std::string>("dataset");
        tgl_builder_options options = TGL_BUILDER_OPTIONS_INIT;
        options.software = "CMSSW";
        options.release = release.c_str();
        options.global_tag = tag.c_str();
        options.dataset = dataset.c_str();
        tgl_builder *builder = nullptr;
        check(tgl_builder_new(&builder, &options, &error_));
        builder_.reset(builder);
        run_ = add("run", TGL_U32, false);
        lumi_ = add("luminosityBlock", TGL_U32, false);
        event_ = add("event", TGL_U64, false);
        for (const char *name : trigline::L1Columns::names())
            numbers_.push_back(add(name, TGL_I16, true));
    }

    void respondToOpenInputFile(const edm::FileBlock &file) override
    {
        check(tgl_builder_begin_file(builder_.get(), file.fileName().c_str(), nullptr,
                                     &error_));
    }
    void respondToCloseInputFile(const edm::FileBlock &) override
    {
    }

    void analyze(const edm::Event &event, const edm::EventSetup &) override
    {
        columns_.fill(
            {event.get(muons_), event.get(egammas_), event.get(jets_), event.get(sums_)});
        std::uint32_t run = event.run(), lumi = event.luminosityBlock();
        std::uint64_t number = event.event();
        put(run_, &run, 1);
        put(lumi_, &lumi, 1);
        put(event_, &number, 1);
        for (std::size_t i = 0; i < numbers_.size(); i++) {
            narrow_.clear();
            for (std::int64_t value : columns_[i]) {
                narrow_.push_back(static_cast<std::int16_t>(value));
                if (narrow_.back() != value)
                    throw std::runtime_error(
                        std::string(trigline::L1Columns::names()[i]) +
                        ": expected 16 bits, found " + std::to_string(value));
            }
            put(numbers_[i], narrow_.data(), narrow_.size());
        }
        check(tgl_builder_end_row(builder_.get(), &error_));
    }

    void endJob() override
    {
        tgl_table *table = nullptr;
        check(tgl_builder_take(&table, builder_.get(), &error_));
        tgl_status status =
            tgl_data_write(path_.c_str(), table, nullptr, nullptr, &error_);
        tgl_table_free(table);
        check(status);
    }

  private:
    struct Free {
        void operator()(tgl_builder *builder) const
        {
            tgl_builder_free(builder);
        }
    };

    void check(tgl_status status) const
    {
        if (status != TGL_OK)
            throw std::runtime_error(error_.message);
    }
    std::size_t add(const char *name, tgl_dtype type, bool jagged)
    {
        std::size_t number = 0;
        check(tgl_builder_add(builder_.get(), name, type, jagged, &number, &error_));
        return number;
    }
    void put(std::size_t column, const void *values, std::size_t n)
    {
        check(tgl_builder_put(builder_.get(), column, values, n, &error_));
    }

    std::string path_;
    tgl_error error_{};
    std::unique_ptr<tgl_builder, Free> builder_;
    edm::EDGetTokenT<BXVector<l1t::Muon>> muons_;
    edm::EDGetTokenT<BXVector<l1t::EGamma>> egammas_;
    edm::EDGetTokenT<BXVector<l1t::Jet>> jets_;
    edm::EDGetTokenT<BXVector<l1t::EtSum>> sums_;
    std::size_t run_, lumi_, event_;
    std::vector<std::size_t> numbers_;
    trigline::L1Columns columns_;
    std::vector<std::int16_t> narrow_;
};

DEFINE_FWK_MODULE(TriglineL1Writer);
