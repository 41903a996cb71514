#include "Trigline/TriglineWriterTool.h"

#include <cstdlib>

TriglineWriterTool::TriglineWriterTool(const std::string &name) : asg::AsgTool(name)
{
}

StatusCode TriglineWriterTool::done(tgl_status status)
{
    if (status == TGL_OK)
        return StatusCode::SUCCESS;
    ATH_MSG_ERROR(tgl_status_name(status) << ": " << error_.message);
    return StatusCode::FAILURE;
}

StatusCode TriglineWriterTool::initialize()
{
    // what the release's set-up script leaves in the environment
    const char *release = std::getenv("AtlasVersion");
    tgl_builder_options options = TGL_BUILDER_OPTIONS_INIT;
    options.software = "Athena";
    options.release = release;
    options.global_tag = conditions_.value().c_str();
    options.dataset = dataset_.value().c_str();
    tgl_builder *builder = nullptr;
    ATH_CHECK(done(tgl_builder_new(&builder, &options, &error_)));
    builder_.reset(builder);
    ATH_CHECK(done(tgl_builder_add(builder, "run", TGL_U32, 0, &run_, &error_)));
    ATH_CHECK(
        done(tgl_builder_add(builder, "lumiBlock", TGL_U32, 0, &lumiBlock_, &error_)));
    return done(tgl_builder_add(builder, "event", TGL_U64, 0, &event_, &error_));
}

StatusCode TriglineWriterTool::addColumn(const std::string &name)
{
    std::size_t number = 0;
    ATH_CHECK(done(
        tgl_builder_add(builder_.get(), name.c_str(), TGL_I64, 1, &number, &error_)));
    numbers_.push_back(number);
    return StatusCode::SUCCESS;
}

StatusCode TriglineWriterTool::beginFile(const std::string &name, const std::string &guid)
{
    std::lock_guard<std::mutex> lock(mutex_);
    return done(tgl_builder_begin_file(builder_.get(), name.c_str(),
                                       guid.empty() ? nullptr : guid.c_str(), &error_));
}

tgl_status TriglineWriterTool::put(const EventContext &context,
                                   const std::vector<std::vector<std::int64_t>> &columns)
{
    std::uint32_t run = context.run_number(), lumiBlock = context.lumi_block();
    std::uint64_t event = context.event_number();
    tgl_builder_discard_row(builder_.get()); // of an event that failed half-way
    tgl_status status = tgl_builder_put(builder_.get(), run_, &run, 1, &error_);
    if (status == TGL_OK)
        status = tgl_builder_put(builder_.get(), lumiBlock_, &lumiBlock, 1, &error_);
    if (status == TGL_OK)
        status = tgl_builder_put(builder_.get(), event_, &event, 1, &error_);
    for (std::size_t i = 0; i < numbers_.size() && status == TGL_OK; i++)
        status = tgl_builder_put(builder_.get(), numbers_[i], columns[i].data(),
                                 columns[i].size(), &error_);
    return status == TGL_OK ? tgl_builder_end_row(builder_.get(), &error_) : status;
}

StatusCode
TriglineWriterTool::write(const EventContext &context,
                          const std::vector<std::vector<std::int64_t>> &columns)
{
    if (columns.size() != numbers_.size()) {
        ATH_MSG_ERROR("expected " << numbers_.size() << " columns, found "
                                  << columns.size());
        return StatusCode::FAILURE;
    }
    std::lock_guard<std::mutex> lock(mutex_);
    return done(put(context, columns));
}

StatusCode TriglineWriterTool::finalize()
{
    tgl_table *table = nullptr;
    ATH_CHECK(done(tgl_builder_take(&table, builder_.get(), &error_)));
    tgl_status status =
        tgl_data_write(output_.value().c_str(), table, nullptr, nullptr, &error_);
    tgl_table_free(table);
    return done(status);
}
