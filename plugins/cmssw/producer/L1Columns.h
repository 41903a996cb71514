// The Level-1 objects of the triggering crossing as columns of integers, by the names
// that trigline's readers give them, so that a model's input convention finds what it
// asks for.
#ifndef TRIGLINE_L1_COLUMNS_H
#define TRIGLINE_L1_COLUMNS_H

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "DataFormats/L1Trigger/interface/EGamma.h"
#include "DataFormats/L1Trigger/interface/EtSum.h"
#include "DataFormats/L1Trigger/interface/Jet.h"
#include "DataFormats/L1Trigger/interface/Muon.h"

namespace trigline
{

struct L1Objects {
    const BXVector<l1t::Muon> &muons;
    const BXVector<l1t::EGamma> &egammas;
    const BXVector<l1t::Jet> &jets;
    const BXVector<l1t::EtSum> &sums;
};

class L1Columns
{
  public:
    enum { count = 12 };

    static const std::array<const char *, count> &names()
    {
        static constexpr std::array<const char *, count> all = {
            "L1Mu_hwPt",   "L1Mu_hwEta",   "L1Mu_hwPhi",    "L1EG_hwPt",
            "L1EG_hwEta",  "L1EG_hwPhi",   "L1Jet_hwPt",    "L1Jet_hwEta",
            "L1Jet_hwPhi", "L1EtSum_hwPt", "L1EtSum_hwPhi", "L1EtSum_etSumType"};
        return all;
    }
    // The number of a column by its name; count when there is none.
    static std::size_t number(const std::string &name)
    {
        std::size_t i = 0;
        while (i < count && name != names()[i])
            i++;
        return i;
    }

    // Integers as the hardware has them: a pt in GeV would have lost its half (cmssw
    // #49753). Muon angles at the vertex, as the firmware uses them (cmssw #47552).
    void fill(const L1Objects &objects)
    {
        for (std::vector<std::int64_t> &column : columns_)
            column.clear();
        for (unsigned i = 0; i < objects.muons.size(0); i++) {
            const l1t::Muon &muon = objects.muons.at(0, i);
            put(0, {muon.hwPt(), muon.hwEtaAtVtx(), muon.hwPhiAtVtx()});
        }
        for (unsigned i = 0; i < objects.egammas.size(0); i++) {
            const l1t::EGamma &egamma = objects.egammas.at(0, i);
            put(3, {egamma.hwPt(), egamma.hwEta(), egamma.hwPhi()});
        }
        for (unsigned i = 0; i < objects.jets.size(0); i++) {
            const l1t::Jet &jet = objects.jets.at(0, i);
            put(6, {jet.hwPt(), jet.hwEta(), jet.hwPhi()});
        }
        for (unsigned i = 0; i < objects.sums.size(0); i++) {
            const l1t::EtSum &sum = objects.sums.at(0, i);
            put(9, {sum.hwPt(), sum.hwPhi(), static_cast<int>(sum.getType())});
        }
    }

    const std::vector<std::int64_t> &operator[](std::size_t number) const
    {
        return columns_[number];
    }

  private:
    void put(std::size_t first, const std::array<int, 3> &values)
    {
        for (std::size_t i = 0; i < values.size(); i++)
            columns_[first + i].push_back(values[i]);
    }

    std::array<std::vector<std::int64_t>, count> columns_;
};

} // namespace trigline

#endif
