#pragma once

#include "core/experiment.hpp"

namespace unblock {

// experiments.cpp: what the modes do.
Finding skeleton(Narrator& tell);
Finding batch(Narrator& tell);
Finding level(Narrator& tell);
Finding edge(Narrator& tell);
Finding edge_blocking(Narrator& tell);
Finding short_read(Narrator& tell);
Finding one_shot(Narrator& tell);
Finding fairness(Narrator& tell);

// trap_experiments.cpp: what the usual sample gets wrong.
Finding usual_sample(Narrator& tell);
Finding hang_up(Narrator& tell);
Finding stale(Narrator& tell);
Finding deregister(Narrator& tell);

// cost_experiments.cpp: what it costs, beside select and poll.
Finding watched(Narrator& tell);
Finding ready(Narrator& tell);
Finding few_and_many(Narrator& tell);

}  // namespace unblock
