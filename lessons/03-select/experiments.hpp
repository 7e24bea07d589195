#pragma once

#include "core/experiment.hpp"

namespace unblock {

// What each of them claims stands in main.cpp.
Finding overwritten_sets(Narrator& out);
Finding timeout_counts_down(Narrator& out);
Finding ready_is_a_hint(Narrator& out);
Finding behind_the_set(Narrator& out);
Finding full_set(Narrator& out);
Finding cost_of_select(Narrator& out);

}  // namespace unblock
