#pragma once

#include "core/experiment.hpp"

namespace unblock {

// What each of them claims stands in main.cpp.
Finding kept_list(Narrator& out);
Finding every_event(Narrator& out);
Finding leftover_write_interest(Narrator& out);
Finding no_limit(Narrator& out);
Finding cost_of_poll(Narrator& out);

}  // namespace unblock
