/* The yardstick: the bare edge-triggered epoll echo loop, in C, as one writes it who wants an echo
 * server and nothing else. It keeps the contract of the lessons' programs (it prints "listening on
 * HOST:PORT (model bare-epoll)", and SIGINT and SIGTERM end it with status 0) and is right (short
 * writes, back-pressure, a table that is full, resets), so that it may be compared with servers that
 * are.
 *
 *   bare_epoll [--host NAME] [--port N] [--cpu N]
 *
 * A connection that the socket lets down in a write keeps the rest, reads no more until it is gone,
 * and is registered for both directions from the start, so that no epoll_ctl follows. */

#define _GNU_SOURCE
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BUFFER_SIZE = 16 * 1024, EVENTS = 512 };

struct connection {
  char *rest; /* what the socket would not take, or NULL */
  size_t rest_size;
  size_t rest_sent;
};

static struct connection *connections; /* by descriptor */
static int epoll_fd;
static int listen_fd;
static int listener_paused; /* out of descriptors: wait until one is given back */
static char buffer[BUFFER_SIZE];

static void die(const char *call) {
  fprintf(stderr, "bare_epoll: %s: %s\n", call, strerror(errno));
  exit(1);
}

static void close_connection(int fd) {
  free(connections[fd].rest);
  memset(&connections[fd], 0, sizeof connections[fd]);
  close(fd);
  if (listener_paused) {
    struct epoll_event event = {.events = EPOLLIN, .data.fd = listen_fd};
    if (epoll_ctl(epoll_fd, EPOLL_CTL_MOD, listen_fd, &event) == 0) listener_paused = 0;
  }
}

static void on_acceptable(void) {
  for (;;) {
    int fd = accept4(listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
      if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
        struct epoll_event event = {.events = 0, .data.fd = listen_fd};
        if (epoll_ctl(epoll_fd, EPOLL_CTL_MOD, listen_fd, &event) == 0) listener_paused = 1;
        return;
      }
      if (errno == EAGAIN) return;
      continue; /* EINTR, ECONNABORTED, ...: concerns that client alone, see accept(2) */
    }
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
                                .data.fd = fd};
    if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0) close(fd);
  }
}

/* Sends what is left over; 1 when nothing is any more, 0 when the socket is full, -1 when broken. */
static int send_rest(int fd) {
  struct connection *c = &connections[fd];
  while (c->rest_sent < c->rest_size) {
    ssize_t put = send(fd, c->rest + c->rest_sent, c->rest_size - c->rest_sent, MSG_NOSIGNAL);
    if (put < 0) {
      if (errno == EINTR) continue;
      return errno == EAGAIN ? 0 : -1;
    }
    c->rest_sent += (size_t)put;
  }
  free(c->rest);
  memset(c, 0, sizeof *c);
  return 1;
}

/* Sends `size` bytes of the buffer and keeps what the socket does not take; as send_rest(). */
static int send_or_keep(int fd, size_t size) {
  ssize_t put;
  do {
    put = send(fd, buffer, size, MSG_NOSIGNAL);
  } while (put < 0 && errno == EINTR);
  if (put < 0 && errno != EAGAIN) return -1;
  size_t sent = put < 0 ? 0 : (size_t)put;
  if (sent == size) return 1;
  struct connection *c = &connections[fd];
  c->rest_size = size - sent;
  c->rest = malloc(c->rest_size);
  if (c->rest == NULL) return -1;
  memcpy(c->rest, buffer + sent, c->rest_size);
  return send_rest(fd); /* it may have room again: without a full socket there is no new event */
}

static void on_event(int fd, uint32_t events) {
  if (connections[fd].rest != NULL) {
    int state = send_rest(fd);
    if (state < 0) close_connection(fd);
    if (state <= 0) return;
  } else if ((events & ~(uint32_t)EPOLLOUT) == 0) {
    return; /* there is room, and nothing to send */
  }
  for (;;) {
    ssize_t got = recv(fd, buffer, BUFFER_SIZE, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) {
      close_connection(fd);
      return;
    }
    int state = send_or_keep(fd, (size_t)got);
    if (state < 0) close_connection(fd);
    if (state <= 0) return;
    /* A buffer that was not filled has emptied the socket (epoll(7)); the end of the stream is an
     * event of its own, unless it came with this one. */
    if (got < BUFFER_SIZE && (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) == 0) return;
  }
}

/* The kernel closes what is open. */
static void on_stop(int number) {
  (void)number;
  _exit(0);
}

static int listen_on(const char *host, const char *port) {
  struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
  struct addrinfo *address;
  int status = getaddrinfo(host, port, &hints, &address);
  if (status != 0) {
    fprintf(stderr, "bare_epoll: host '%s' does not resolve (%s)\n", host, gai_strerror(status));
    exit(1);
  }
  int fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) die("socket");
  int on = 1;
  if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0) die("setsockopt");
  if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) < 0) die("setsockopt");
  if (bind(fd, address->ai_addr, address->ai_addrlen) < 0 || listen(fd, SOMAXCONN) < 0) {
    fprintf(stderr, "bare_epoll: cannot listen on %s, port %s: %s\n", host, port, strerror(errno));
    exit(1);
  }
  freeaddrinfo(address);
  return fd;
}

static void announce(int fd, const char *host) {
  struct sockaddr_storage address;
  socklen_t length = sizeof address;
  if (getsockname(fd, (struct sockaddr *)&address, &length) < 0) die("getsockname");
  /* The port lies at the same place in an IPv6 address. */
  unsigned port = ntohs(((struct sockaddr_in *)&address)->sin_port);
  const char *format = strchr(host, ':') != NULL ? "listening on [%s]:%u (model bare-epoll)\n"
                                                 : "listening on %s:%u (model bare-epoll)\n";
  if (printf(format, host, port) < 0 || fflush(stdout) != 0) die("standard output");
}

static long number(const char *text, long largest) {
  char *end;
  long value = strtol(text, &end, 10);
  if (*text == '\0' || *end != '\0' || value < 0 || value > largest) {
    fprintf(stderr, "bare_epoll: '%s' is not a number from 0 to %ld\n", text, largest);
    exit(2);
  }
  return value;
}

int main(int argc, char **argv) {
  const char *host = "127.0.0.1";
  const char *port = "0";
  for (int i = 1; i < argc; i += 2) {
    if (i + 1 < argc && strcmp(argv[i], "--host") == 0) {
      host = argv[i + 1];
    } else if (i + 1 < argc && strcmp(argv[i], "--port") == 0) {
      number(argv[i + 1], 65535);
      port = argv[i + 1];
    } else if (i + 1 < argc && strcmp(argv[i], "--cpu") == 0) {
      cpu_set_t set;
      CPU_ZERO(&set);
      CPU_SET((size_t)number(argv[i + 1], CPU_SETSIZE - 1), &set);
      if (sched_setaffinity(0, sizeof set, &set) < 0) die("sched_setaffinity");
    } else {
      fprintf(stderr, "usage: bare_epoll [--host NAME] [--port N] [--cpu N]\n");
      return 2;
    }
  }
  struct sigaction stop = {.sa_handler = on_stop};
  if (sigaction(SIGINT, &stop, NULL) < 0 || sigaction(SIGTERM, &stop, NULL) < 0) die("sigaction");
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) < 0) die("getrlimit");
  connections = calloc(limit.rlim_cur, sizeof *connections);
  if (connections == NULL) die("calloc");

  epoll_fd = epoll_create1(EPOLL_CLOEXEC);
  if (epoll_fd < 0) die("epoll_create1");
  listen_fd = listen_on(host, port);
  struct epoll_event listening = {.events = EPOLLIN, .data.fd = listen_fd};
  if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listen_fd, &listening) < 0) die("epoll_ctl");

  announce(listen_fd, host);

  struct epoll_event events[EVENTS];
  for (;;) { /* until on_stop() */
    int ready = epoll_wait(epoll_fd, events, EVENTS, -1);
    if (ready < 0 && errno != EINTR) die("epoll_wait");
    for (int i = 0; i < ready; ++i) {
      if (events[i].data.fd == listen_fd) {
        on_acceptable();
      } else {
        on_event(events[i].data.fd, events[i].events);
      }
    }
  }
}
