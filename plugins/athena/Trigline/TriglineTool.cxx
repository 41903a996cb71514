#include "Trigline/TriglineTool.h"

#include "AthenaKernel/SlotSpecificObj.h"

TriglineTool::TriglineTool(const std::string &name) : asg::AsgTool(name)
{
}

StatusCode TriglineTool::initialize()
{
    try {
        model_ = std::make_unique<trigline::model>(trigline::model::open(path_.value()));
    } catch (const trigline::error &e) {
        ATH_MSG_ERROR(e.code_name() << ": " << e.what());
        return StatusCode::FAILURE;
    }
    std::string found = model_->info("convention");
    if (found != convention_.value()) {
        ATH_MSG_ERROR("model " << model_->info("name")
                               << ": expected the input convention '"
                               << convention_.value() << "', found '" << found << "'");
        return StatusCode::FAILURE;
    }
    for (std::size_t i = 0; i < model_->n_column(); i++)
        columns_.push_back(model_->column(i));
    for (std::size_t i = 0; i < model_->n_output(); i++)
        outputs_.push_back(model_->output(i).name);
    for (std::size_t i = 0; i < SG::getNSlots(); i++)
        slots_.push_back(std::make_unique<Slot>(*model_));
    return StatusCode::SUCCESS;
}

StatusCode TriglineTool::evaluate(const EventContext &context,
                                  const std::vector<const Column *> &columns,
                                  std::vector<std::int64_t> &codes) const
{
    if (context.slot() >= slots_.size() || columns.size() != columns_.size()) {
        ATH_MSG_ERROR("expected a slot below "
                      << slots_.size() << " and " << columns_.size() << " columns, found "
                      << context.slot() << " and " << columns.size());
        return StatusCode::FAILURE;
    }
    Slot &slot = *slots_[context.slot()];
    for (std::size_t i = 0; i < columns.size(); i++)
        slot.values[i] =
            columns[i] == nullptr
                ? tgl_run_values{nullptr, nullptr, 0, 1}
                : tgl_run_values{columns[i]->data(), nullptr, columns[i]->size(), 0};
    codes.resize(outputs_.size());
    try {
        model_->extract(slot.in, slot.values);
        model_->event(codes, slot.in, slot.scratch);
    } catch (const trigline::error &e) {
        ATH_MSG_ERROR(e.what());
        return StatusCode::FAILURE;
    }
    return StatusCode::SUCCESS;
}
