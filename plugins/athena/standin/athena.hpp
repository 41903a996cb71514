/* The least of Athena's interfaces that the tools beside it compile and run against: same
 * names, same shapes, no framework behind. The headers under the experiment's own paths
 * all come here. */
#ifndef TRIGLINE_STANDIN_ATHENA_HPP
#define TRIGLINE_STANDIN_ATHENA_HPP

#include <cstdint>
#include <iostream>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

/* A verdict that must be looked at. */
class [[nodiscard]] StatusCode
{
  public:
    enum Value { FAILURE = 0, SUCCESS = 1 };
    StatusCode(Value value) : value_(value)
    {
    }
    bool isSuccess() const
    {
        return value_ == SUCCESS;
    }
    bool isFailure() const
    {
        return value_ != SUCCESS;
    }

  private:
    Value value_;
};

#define ATH_CHECK(call)                                                                  \
    do {                                                                                 \
        if (StatusCode code_ = (call); code_.isFailure())                                \
            return StatusCode::FAILURE;                                                  \
    } while (0)
#define ATH_MSG_ERROR(text) (this->message() << this->name() << ": " << text << "\n")

class EventContext
{
  public:
    EventContext(std::size_t slot, std::uint32_t run, std::uint32_t lumiBlock,
                 std::uint64_t event)
        : slot_(slot), run_(run), lumiBlock_(lumiBlock), event_(event)
    {
    }
    std::size_t slot() const
    {
        return slot_;
    }
    std::uint32_t run_number() const
    {
        return run_;
    }
    std::uint32_t lumi_block() const
    {
        return lumiBlock_;
    }
    std::uint64_t event_number() const
    {
        return event_;
    }

  private:
    std::size_t slot_;
    std::uint32_t run_, lumiBlock_;
    std::uint64_t event_;
};

class IAsgTool
{
  public:
    virtual ~IAsgTool() = default;
    virtual StatusCode initialize() = 0;
    virtual StatusCode finalize() = 0;
    virtual const std::string &name() const = 0;
};
#define ASG_TOOL_INTERFACE(type)                                                         \
    static const char *interfaceName()                                                   \
    {                                                                                    \
        return #type;                                                                    \
    }
#define ASG_TOOL_CLASS(type, interface)

namespace Gaudi
{
class PropertyHolder
{
  public:
    virtual ~PropertyHolder() = default;
    StatusCode setProperty(const std::string &name, const std::string &value)
    {
        auto found = properties_.find(name);
        if (found == properties_.end())
            return StatusCode::FAILURE;
        *found->second = value;
        return StatusCode::SUCCESS;
    }
    std::map<std::string, std::string *> properties_;
};
template <class T> class Property;
template <> class Property<std::string>
{
  public:
    Property(PropertyHolder *owner, const std::string &name, const std::string &value,
             const std::string & = "")
        : value_(value)
    {
        owner->properties_[name] = &value_;
    }
    const std::string &value() const
    {
        return value_;
    }

  private:
    std::string value_;
};
} // namespace Gaudi

namespace asg
{
class AsgTool : public virtual IAsgTool, public Gaudi::PropertyHolder
{
  public:
    explicit AsgTool(const std::string &name) : name_(name)
    {
    }
    StatusCode initialize() override
    {
        return StatusCode::SUCCESS;
    }
    StatusCode finalize() override
    {
        return StatusCode::SUCCESS;
    }
    const std::string &name() const override
    {
        return name_;
    }
    std::ostream &message() const
    {
        return std::cerr;
    }

  private:
    std::string name_;
};
} // namespace asg

namespace SG
{
inline std::size_t &standin_n_slot()
{
    static std::size_t n = 1;
    return n;
}
inline std::size_t getNSlots()
{
    return standin_n_slot();
}
} // namespace SG

#endif
