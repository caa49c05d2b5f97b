// What is known of each kind of event: its name, the names of its arguments, and how these are best
// shown. Names are part of the store's schema and of the exports.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "emu/machine/trace_sink.hpp"

namespace mint {

struct EventKind {
  std::string_view name;
  std::span<const std::string_view> arguments;
};

const EventKind& describe(TraceKind kind);
inline std::string_view kind_name(TraceKind kind) { return describe(kind).name; }
std::optional<TraceKind> kind_named(std::string_view name);

// "load", ... "user", and the leader's "post" and "boot-loader".
std::string_view trace_stage_name(std::uint64_t stage);
inline constexpr unsigned kTraceStages = 8;
std::string_view lock_step_name(std::uint64_t step);
std::string_view delivery_mode_name(std::uint64_t mode);
std::string_view lapic_register_name(std::uint64_t offset);
std::string_view interrupt_source_name(std::uint64_t source);
std::string_view exception_name(std::uint64_t vector);
std::string_view ata_command_name(std::uint64_t command);

// "events"; nothing for an unknown name.
std::string_view level_name(TraceLevel level);
std::optional<TraceLevel> level_named(std::string_view name);

// What an event says, in words and without its time and place: "redirection entry 4: ... -> ...".
std::string event_text(const TraceEvent& event);

}  // namespace mint
