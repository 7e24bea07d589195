#pragma once

namespace unblock {

/// `unblock list`: lessons with their models and experiments, exercises, and what to run next. What
/// a lesson has its program tells; one that is not built is listed with what `unblock` knows of it.
/// Returns the exit status.
int run_list(bool as_json);

}  // namespace unblock
