#pragma once

#include "core/experiment.hpp"

namespace unblock {

// What each of them claims stands in main.cpp.
Finding roles(Narrator& out);
Finding endless_chain(Narrator& out);
Finding reactor_inside(Narrator& out);
Finding hidden_wait(Narrator& out);
Finding cancellation(Narrator& out);
Finding aio_notices(Narrator& out);
Finding aio_threads(Narrator& out);
Finding aio_gain(Narrator& out);
Finding batches(Narrator& out);
Finding two_reads(Narrator& out);

}  // namespace unblock
