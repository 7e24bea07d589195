// The experiments on io_uring, and on the order of completions.

#include <aio.h>
#include <fcntl.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <deque>
#include <fstream>
#include <stdexcept>

#include <fmt/format.h>

#include "core/errors.hpp"
#include "experiments.hpp"
#include "stage.hpp"
#if UNBLOCK_HAVE_LIBURING
#include "uring_engine.hpp"
#endif

namespace unblock {

#if UNBLOCK_HAVE_LIBURING
namespace {

constexpr std::size_t message_bytes = 64;

// One connection of an echo server that has a loop of its own.
class Echo final : public CompletionHandler {
 public:
  explicit Echo(Engine& engine) : line_{engine, *this} { line_.initiator.start_read(); }
  void on_completion(CompletionEvent event) override {
    if (event.error != 0) return;
    if (event.operation->kind == AsynchronousOperation::Kind::read) {
      line_.initiator.start_write(std::move(event.data));
    } else {
      ++answered_;
      line_.initiator.start_read();
    }
  }
  [[nodiscard]] int client() const { return line_.client.get(); }
  [[nodiscard]] std::size_t answered() const { return answered_; }

 private:
  Line line_;
  std::size_t answered_ = 0;
};

struct Calls {
  std::size_t requests = 0;
  std::uint64_t calls = 0;
  std::size_t mappings_before = 0;
  std::size_t mappings_after = 0;
  [[nodiscard]] double each() const {
    return static_cast<double>(calls) / static_cast<double>(requests);
  }
};

// Memory of this process that is shared with an io_uring in the kernel, in pieces.
std::size_t shared_mappings() {
  std::ifstream maps{"/proc/self/maps"};
  std::size_t count = 0;
  for (std::string line; std::getline(maps, line);) {
    if (line.find("[io_uring]") != std::string::npos) ++count;
  }
  return count;
}

// In each round every client sends, and then this thread handles completions until all are
// answered.
Calls serve_rounds(std::size_t connections) {
  constexpr std::size_t rounds = 100;
  UringEngine engine{1};
  Proactor proactor{engine};
  std::deque<Echo> echoes;
  for (std::size_t i = 0; i < connections; ++i) echoes.emplace_back(engine);
  const std::string message(message_bytes, 'x');
  const auto round = [&](std::size_t number) {
    for (const Echo& echo : echoes) send_text(echo.client(), message);
    for (const Echo& echo : echoes) {
      while (echo.answered() < number) proactor.run_once();
    }
    for (const Echo& echo : echoes) receive_text(echo.client(), message_bytes);
  };

  round(1);  // brings the connections in; not counted
  Calls result{.requests = rounds * connections, .mappings_before = shared_mappings()};
  const std::uint64_t before = engine.enters();
  for (std::size_t number = 2; number <= rounds + 1; ++number) round(number);
  result.calls = engine.enters() - before;
  result.mappings_after = shared_mappings();

  engine.cancel_all();
  while (proactor.run_once()) {
  }
  return result;
}

}  // namespace

// [batches]
Finding batches(Narrator& out) {
  try {
    const UringEngine probe{1};
  } catch (const UserError& error) {
    return {.conclusion = error.what()};
  }
  out.step("An echo server over io_uring; every client asks once, then all are served; 100 times.");
  std::vector<std::vector<std::string>> rows{
      {"connections", "requests", "calls of io_uring_enter", "a request"}};
  std::vector<Calls> all;
  for (const std::size_t connections : {1, 8, 64}) {
    const Calls& calls = all.emplace_back(serve_rounds(connections));
    rows.push_back({std::to_string(connections), std::to_string(calls.requests),
                    std::to_string(calls.calls), fmt::format("{:.2f}", calls.each())});
  }
  out.table(rows);
  out.note("With read, write and epoll_wait each request takes at least two calls (lesson 05).");

  const Calls& most = all.back();
  out.step("Pieces of memory shared with the kernel: {} before, {} after those {} requests.",
           most.mappings_before, most.mappings_after, most.requests);
  out.note("The queues lie there: entries are written and read with no call, and not copied.");
  out.note("The {} bytes of a message are copied, as ever, from the socket into a buffer.",
           message_bytes);

  const bool shown = all.front().each() <= 2.0 && most.each() < 0.1 && most.mappings_before > 0 &&
                     most.mappings_before == most.mappings_after;
  return {.verdict = shown ? Verdict::holds_with_condition : Verdict::fails,
          .conclusion = shown ? "one call submits and fetches for every connection that is busy: "
                                "many calls are saved where many are busy, none where one is."
                              : "the calls did not become fewer.",
          .facts = {{"calls_a_request_1", all.front().each()},
                    {"calls_a_request_64", most.each()},
                    {"mapped_once", most.mappings_before == most.mappings_after}}};
}
// [/batches]

namespace {

void wait_for_entry(Ring& ring, io_uring_cqe*& entry) {
  check_uring("io_uring_enter", ::io_uring_submit_and_wait(&ring, 1));
  check_uring("io_uring_enter", ::io_uring_peek_cqe(&ring, &entry));
}

// Two reads of four bytes, of which the second begins when the first is complete.
// [linked]
std::string linked_reads(Ring& ring, const ConnectedPair& pair) {
  std::array<std::array<char, 4>, 2> pieces{};
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    io_uring_sqe* const entry = ::io_uring_get_sqe(&ring);
    ::io_uring_prep_recv(entry, pair.server.get(), pieces[i].data(), pieces[i].size(), MSG_WAITALL);
    entry->user_data = i;
    if (i == 0) entry->flags |= IOSQE_IO_LINK;
  }
  check_uring("io_uring_enter", ::io_uring_submit(&ring));
  send_text(pair.client.get(), "1st.");
  send_text(pair.client.get(), "2nd.");
  std::string in_order_of_completion;
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    io_uring_cqe* entry = nullptr;
    wait_for_entry(ring, entry);
    in_order_of_completion.append(pieces[entry->user_data].data(), pieces[entry->user_data].size());
    ::io_uring_cqe_seen(&ring, entry);
  }
  return in_order_of_completion;
}
// [/linked]

// One read that is ordered once and completes for each piece that comes.
// [multishot]
std::string multishot_read(Ring& ring, ProvidedBuffers& buffers, const ConnectedPair& pair,
                           std::size_t size) {
  io_uring_sqe* const order = ::io_uring_get_sqe(&ring);
  ::io_uring_prep_recv_multishot(order, pair.server.get(), nullptr, 0, 0);
  order->flags |= IOSQE_BUFFER_SELECT;
  order->buf_group = ProvidedBuffers::group;
  check_uring("io_uring_enter", ::io_uring_submit(&ring));
  send_text(pair.client.get(), "1st.");
  send_text(pair.client.get(), "2nd.");
  std::string in_order_of_completion;
  while (in_order_of_completion.size() < size) {
    io_uring_cqe* entry = nullptr;
    wait_for_entry(ring, entry);
    if (entry->res < 0) throw UserError{"this kernel has no multishot recv (Linux 6.0 has it)"};
    const Buffer piece = buffers.filled(entry->flags >> IORING_CQE_BUFFER_SHIFT,
                                        static_cast<std::size_t>(entry->res));
    in_order_of_completion.append(reinterpret_cast<const char*>(piece.bytes().data()),
                                  piece.size());
    ::io_uring_cqe_seen(&ring, entry);
  }
  return in_order_of_completion;
}
// [/multishot]

constexpr int trials = 100;

// How many of the trials kept the order, for each of the two ways out.
std::pair<int, int> ways_out() {
  int linked = 0;
  int multishot = 0;
  for (int i = 0; i < trials; ++i) {
    Ring ring{/*shared=*/false};
    ring.enable();
    ProvidedBuffers buffers{ring};
    const ConnectedPair first = connected_pair();
    const ConnectedPair second = connected_pair();
    if (linked_reads(ring, first) == "1st.2nd.") ++linked;
    if (multishot_read(ring, buffers, second, 8) == "1st.2nd.") ++multishot;
  }
  return {linked, multishot};
}

}  // namespace
#else
Finding batches(Narrator&) { return {.conclusion = "this build has no io_uring."}; }
#endif

namespace {

struct Order {
  int kept = 0;
  int swapped = 0;
};

// Two reads of one connection, through two descriptors, each blocking in a thread of glibc's; then
// two pieces come. So many times at least, and on until the order has been both.
Order read_twice_at_once(int times, int most) {
  const ConnectedPair pair = connected_pair();
  const UniqueFd copy{check("fcntl", ::fcntl(pair.server.get(), F_DUPFD_CLOEXEC, 0))};
  Order order;
  bool seen = true;  // the threads in read; the kernel may not tell
  for (int i = 0; i < times || (i < most && (order.kept == 0 || order.swapped == 0)); ++i) {
    std::array<std::array<char, 4>, 2> pieces{};
    std::array<aiocb, 2> requests{};
    const std::array<int, 2> fds{pair.server.get(), copy.get()};
    for (std::size_t each = 0; each < requests.size(); ++each) {
      requests[each].aio_fildes = fds[each];
      requests[each].aio_buf = pieces[each].data();
      requests[each].aio_nbytes = pieces[each].size();
      requests[each].aio_sigevent.sigev_notify = SIGEV_NONE;
      check("aio_read", ::aio_read(&requests[each]));
    }
    const auto both_asleep = [&] { return threads_reading({fds[0], fds[1]}) == 2; };
    if (seen) seen = await(both_asleep, std::chrono::milliseconds{100});
    send_text(pair.client.get(), "1st.");
    send_text(pair.client.get(), "2nd.");
    for (aiocb& request : requests) {
      const aiocb* const list[] = {&request};
      while (::aio_error(&request) == EINPROGRESS) ::aio_suspend(list, 1, nullptr);
      ::aio_return(&request);
    }
    ++(pieces[0][0] == '1' ? order.kept : order.swapped);
  }
  return order;
}

// What the second of two reads on one socket is told.
std::string second_read_refused() {
  const auto engine = make_engine(EngineKind::select);
  Notebook handler;
  Line line{*engine, handler};
  const RunningProactor proactor{*engine};
  line.initiator.start_read();
  try {
    line.initiator.start_read();
  } catch (const std::logic_error& error) {
    return error.what();
  }
  return "";
}

// A read and a write of one socket at the same time; whether both were carried out.
bool one_in_each_direction() {
  const auto engine = make_engine(EngineKind::select);
  HeapBuffers buffers;
  Notebook handler;
  Line line{*engine, handler};
  const RunningProactor proactor{*engine};
  line.initiator.start_read();
  Buffer data = buffers.take();
  data.memory()[0] = std::byte{'y'};
  data.resize(1);
  line.initiator.start_write(std::move(data));
  handler.await_entries(1);
  const bool written = receive_text(line.client.get(), 1) == "y";
  send_text(line.client.get(), "x");
  handler.await_entries(2);
  return written && handler.entries()[1].text == "x";
}

}  // namespace

// [two_reads]
Finding two_reads(Narrator& out) {
  if (const auto missing = without_posix_aio()) return *missing;
  out.step(
      "Two reads of one socket are in flight, in two threads. \"1st.\" comes, and then \"2nd.\"");
  const Order order = read_twice_at_once(200, 10'000);
  out.note("In {} of {} trials the read that was ordered first got what came second.",
           order.swapped, order.kept + order.swapped);
  out.note("What comes is a stream: whoever joins the pieces as they were ordered garbles it.");

  const std::string rule = second_read_refused();
  out.step("The Initiator refuses a second read: \"{}\".", rule.substr(0, rule.find(':')));
  const bool both_directions = one_in_each_direction();
  out.step("A read and a write of one socket at the same time: {}.",
           both_directions ? "both are carried out" : "they are not carried out");

  std::pair<int, int> kept{0, 0};
  int out_of = 0;
#if UNBLOCK_HAVE_LIBURING
  try {
    kept = ways_out();
    out_of = trials;
    out.step("Two reads that are linked (io_uring), so that the second begins after the first:");
    out.note("In order in {} of {} trials.", kept.first, out_of);
    out.step("One multishot read (io_uring) that completes for each piece:");
    out.note("In order in {} of {} trials.", kept.second, out_of);
  } catch (const UserError& error) {
    out.step("The ways out are not shown here: {}.", error.what());
  }
#else
  out.step("The ways out are not shown here: this build has no io_uring.");
#endif

  const bool shown = order.swapped > 0 && !rule.empty() && both_directions &&
                     kept.first == out_of && kept.second == out_of;
  return {.verdict = shown ? Verdict::holds_with_condition : Verdict::fails,
          .conclusion = shown ? "one at a time it is, in each direction; more where the system is "
                                "told the order, by a link or by one order for all."
                              : "two reads at once kept their order, or one was lost.",
          .facts = {{"swapped", std::int64_t{order.swapped}},
                    {"second_read_refused", !rule.empty()},
                    {"both_directions", both_directions},
                    {"linked_in_order", kept.first == out_of},
                    {"multishot_in_order", kept.second == out_of}}};
}
// [/two_reads]

}  // namespace unblock
