// A model of the trigger as an Athena tool.
#ifndef TRIGLINE_ITRIGLINETOOL_H
#define TRIGLINE_ITRIGLINETOOL_H

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "AsgTools/IAsgTool.h"
#include "GaudiKernel/EventContext.h"

class ITriglineTool : public virtual IAsgTool
{
  public:
    ASG_TOOL_INTERFACE(ITriglineTool)

    using Column = std::vector<std::int64_t>;

    /** The columns the model's input convention reads, in the order evaluate() takes. */
    virtual const std::vector<std::string> &columns() const = 0;
    /** The outputs' names; the score's unit is 2^-frac of its type. */
    virtual const std::vector<std::string> &outputs() const = 0;
    /**
     * One event: integers of each column in (nullptr: the job has no such column), an
     * exact code of each output out. Events in different slots may run at once.
     */
    virtual StatusCode evaluate(const EventContext &context,
                                const std::vector<const Column *> &columns,
                                std::vector<std::int64_t> &codes) const = 0;
};

#endif
