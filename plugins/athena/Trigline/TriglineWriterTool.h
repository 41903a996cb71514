// Trigger objects as columns, straight out of an Athena job, with release, conditions
// tag, data set and input files in the file's provenance. Properties: Output (.npz or
// .h5), ConditionsTag, Dataset.
#ifndef TRIGLINE_TRIGLINEWRITERTOOL_H
#define TRIGLINE_TRIGLINEWRITERTOOL_H

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "AsgTools/AsgTool.h"
#include "AsgTools/PropertyWrapper.h"
#include "GaudiKernel/EventContext.h"

#include <trigline/data.h>

class TriglineWriterTool : public asg::AsgTool
{
  public:
    explicit TriglineWriterTool(const std::string &name);

    StatusCode initialize() override;
    /** Declare a column of integers, any number an event; before the first event. */
    StatusCode addColumn(const std::string &name);
    /** The events that follow come from this file (of IncidentSvc's BeginInputFile). */
    StatusCode beginFile(const std::string &name, const std::string &guid);
    /** One event's columns, in the order declared. Events may come from any thread. */
    StatusCode write(const EventContext &context,
                     const std::vector<std::vector<std::int64_t>> &columns);
    /** The file appears here, complete. */
    StatusCode finalize() override;

  private:
    struct Free {
        void operator()(tgl_builder *builder) const
        {
            tgl_builder_free(builder);
        }
    };
    StatusCode done(tgl_status status);
    tgl_status put(const EventContext &context,
                   const std::vector<std::vector<std::int64_t>> &columns);

    Gaudi::Property<std::string> output_{this, "Output", ""};
    Gaudi::Property<std::string> conditions_{this, "ConditionsTag", ""};
    Gaudi::Property<std::string> dataset_{this, "Dataset", ""};
    std::mutex mutex_;
    tgl_error error_{};
    std::unique_ptr<tgl_builder, Free> builder_;
    std::size_t run_ = 0, lumiBlock_ = 0, event_ = 0;
    std::vector<std::size_t> numbers_;
};

#endif
