/* The least of CMSSW's interfaces that the examples beside it compile and run against:
 * same names, same shapes, no framework behind. The headers under the experiment's own
 * paths all come here. */
#ifndef TRIGLINE_STANDIN_CMSSW_HPP
#define TRIGLINE_STANDIN_CMSSW_HPP

#include <any>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

/* ---- trigger objects ---- */

template <class T> class BXVector
{
  public:
    void push_back(int bx, const T &object)
    {
        crossings_[bx].push_back(object);
    }
    unsigned size(int bx) const
    {
        auto found = crossings_.find(bx);
        return found == crossings_.end() ? 0
                                         : static_cast<unsigned>(found->second.size());
    }
    const T &at(int bx, unsigned i) const
    {
        return crossings_.at(bx).at(i);
    }

  private:
    std::map<int, std::vector<T>> crossings_;
};

namespace l1t
{

class L1Candidate
{
  public:
    L1Candidate(int pt = 0, int eta = 0, int phi = 0) : pt_(pt), eta_(eta), phi_(phi)
    {
    }
    int hwPt() const
    {
        return pt_;
    }
    int hwEta() const
    {
        return eta_;
    }
    int hwPhi() const
    {
        return phi_;
    }

  private:
    int pt_, eta_, phi_;
};

class EGamma : public L1Candidate
{
    using L1Candidate::L1Candidate;
};
class Jet : public L1Candidate
{
    using L1Candidate::L1Candidate;
};
class Muon : public L1Candidate
{
  public:
    Muon(int pt, int eta, int phi, int etaAtVtx, int phiAtVtx)
        : L1Candidate(pt, eta, phi), etaAtVtx_(etaAtVtx), phiAtVtx_(phiAtVtx)
    {
    }
    int hwEtaAtVtx() const
    {
        return etaAtVtx_;
    }
    int hwPhiAtVtx() const
    {
        return phiAtVtx_;
    }

  private:
    int etaAtVtx_, phiAtVtx_;
};
class EtSum : public L1Candidate
{
  public:
    enum EtSumType { kTotalEt = 0, kTotalHt = 1, kMissingEt = 2, kMissingHt = 3 };
    EtSum(EtSumType type, int pt, int phi) : L1Candidate(pt, 0, phi), type_(type)
    {
    }
    EtSumType getType() const
    {
        return type_;
    }

  private:
    EtSumType type_;
};

} // namespace l1t

/* ---- framework ---- */

namespace edm
{

class StreamID
{
  public:
    explicit StreamID(unsigned value) : value_(value)
    {
    }
    unsigned value() const
    {
        return value_;
    }

  private:
    unsigned value_;
};

class InputTag
{
  public:
    InputTag() = default;
    InputTag(const char *label) : label_(label)
    {
    }
    const std::string &label() const
    {
        return label_;
    }

  private:
    std::string label_;
};

class ParameterSet
{
  public:
    template <class T> void addParameter(const std::string &name, const T &value)
    {
        values_[name] = value;
    }
    template <class T> T getParameter(const std::string &name) const
    {
        auto found = values_.find(name);
        if (found == values_.end())
            throw std::runtime_error("no parameter '" + name + "'");
        return std::any_cast<T>(found->second);
    }

  private:
    std::map<std::string, std::any> values_;
};

template <class T> struct EDGetTokenT {
    std::string label;
};
template <class T> struct EDPutTokenT {
    std::string instance;
};

class EventSetup
{
};

class Event
{
  public:
    Event(unsigned run, unsigned lumi, unsigned long long event)
        : run_(run), lumi_(lumi), event_(event)
    {
    }
    unsigned run() const
    {
        return run_;
    }
    unsigned luminosityBlock() const
    {
        return lumi_;
    }
    unsigned long long event() const
    {
        return event_;
    }
    template <class T> const T &get(const EDGetTokenT<T> &token) const
    {
        return *std::any_cast<const std::shared_ptr<T> &>(products_.at(token.label));
    }
    template <class T> void put(std::unique_ptr<T> product, const std::string &instance)
    {
        products_[instance] = std::shared_ptr<T>(std::move(product));
    }

  private:
    unsigned run_, lumi_;
    unsigned long long event_;
    std::map<std::string, std::any> products_;
};

class FileBlock
{
  public:
    explicit FileBlock(std::string name) : name_(std::move(name))
    {
    }
    const std::string &fileName() const
    {
        return name_;
    }

  private:
    std::string name_;
};

inline std::string getReleaseVersion()
{
    return "CMSSW_0_0_0_standin";
}

class ModuleBase
{
  protected:
    template <class T> EDGetTokenT<T> consumes(const InputTag &tag)
    {
        return {tag.label()};
    }
    template <class T> void produces(const std::string &)
    {
    }
};

template <class T> struct StreamCache {
};

namespace global
{

/* One object for all streams; what changes is in the stream's cache. */
template <class Cache> class EDProducer;
template <class T> class EDProducer<StreamCache<T>> : public ModuleBase
{
  public:
    virtual ~EDProducer() = default;
    virtual std::unique_ptr<T> beginStream(StreamID) const = 0;
    virtual void produce(StreamID, Event &, const EventSetup &) const = 0;
    /* the framework's part: caches by stream */
    void standin_begin(unsigned n_stream)
    {
        for (unsigned i = 0; i < n_stream; i++)
            caches_.push_back(beginStream(StreamID(i)));
    }

  protected:
    T *streamCache(StreamID stream) const
    {
        return caches_.at(stream.value()).get();
    }

  private:
    std::vector<std::unique_ptr<T>> caches_;
};

} // namespace global

namespace one
{

struct WatchInputFiles {
};
template <class Watch> class EDAnalyzer : public ModuleBase
{
  public:
    virtual ~EDAnalyzer() = default;
    virtual void beginJob()
    {
    }
    virtual void analyze(const Event &, const EventSetup &) = 0;
    virtual void endJob()
    {
    }
    virtual void respondToOpenInputFile(const FileBlock &) = 0;
    virtual void respondToCloseInputFile(const FileBlock &) = 0;
};

} // namespace one
} // namespace edm

#define DEFINE_FWK_MODULE(type)                                                          \
    static_assert(sizeof(type) > 0, "the framework registers the module here")

#endif
