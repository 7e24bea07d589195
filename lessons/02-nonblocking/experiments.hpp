#pragma once

#include "core/experiment.hpp"

namespace unblock {

// What each of them claims stands in main.cpp.
Finding returns_at_once(Narrator& out);
Finding three_answers(Narrator& out);
Finding short_write(Narrator& out);
Finding shared_flag(Narrator& out);
Finding connect_in_progress(Narrator& out);
Finding regular_file(Narrator& out);
Finding one_device(Narrator& out);
Finding nap_or_burn(Narrator& out);

}  // namespace unblock
