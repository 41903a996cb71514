// ITriglineTool over a run-time file. Properties: Model (the file), Convention (the input
// convention that the job means; another one fails initialize()).
#ifndef TRIGLINE_TRIGLINETOOL_H
#define TRIGLINE_TRIGLINETOOL_H

#include <memory>
#include <vector>

#include "AsgTools/AsgTool.h"
#include "AsgTools/PropertyWrapper.h"

#include <trigline/run.hpp>

#include "Trigline/ITriglineTool.h"

class TriglineTool : public asg::AsgTool, public virtual ITriglineTool
{
    ASG_TOOL_CLASS(TriglineTool, ITriglineTool)

  public:
    explicit TriglineTool(const std::string &name);

    StatusCode initialize() override;
    const std::vector<std::string> &columns() const override
    {
        return columns_;
    }
    const std::vector<std::string> &outputs() const override
    {
        return outputs_;
    }
    StatusCode evaluate(const EventContext &context,
                        const std::vector<const Column *> &columns,
                        std::vector<std::int64_t> &codes) const override;

  private:
    // What one event slot writes to; the model itself is shared.
    struct Slot {
        explicit Slot(const trigline::model &model)
            : scratch(model), in(model.n_input()), values(model.n_column())
        {
        }
        trigline::scratch scratch;
        std::vector<std::int64_t> in;
        std::vector<tgl_run_values> values;
    };

    Gaudi::Property<std::string> path_{this, "Model", "", "run-time file"};
    Gaudi::Property<std::string> convention_{this, "Convention", "", "input convention"};
    std::unique_ptr<trigline::model> model_;
    std::vector<std::unique_ptr<Slot>> slots_;
    std::vector<std::string> columns_, outputs_;
};

#endif
