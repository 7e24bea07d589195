#pragma once

#include <vector>

#include "core/experiment.hpp"

namespace unblock {

/// The experiments of lesson 13, in the order of the README.
std::vector<Experiment> fiber_experiments();

// experiments.cpp: the chain of closures, and what fibers ask of who uses them.
Finding chain_of_closures(Narrator& out);
Finding exceptions(Narrator& out);
Finding unfinished(Narrator& out);

// cost_experiments.cpp: time and memory, in this run and on this machine.
Finding cost(Narrator& out);
Finding stack(Narrator& out);

// thread_experiments.cpp: fibers and the threads below them.
Finding park_and_resume(Narrator& out);
Finding thread_local_variable(Narrator& out);
Finding blocked_thread(Narrator& out);

}  // namespace unblock
