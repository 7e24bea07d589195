#pragma once

#include "core/experiment.hpp"

namespace unblock {

Finding one_byte(Narrator& tell);
Finding short_counts(Narrator& tell);
Finding blocked_read(Narrator& tell);
Finding stop_accept(Narrator& tell);
Finding one_slow_client(Narrator& tell);
Finding thread_for_each(Narrator& tell);
Finding data_race(Narrator& tell);
Finding system_call(Narrator& tell);
Finding thread_cost(Narrator& tell);

}  // namespace unblock
