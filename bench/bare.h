/* What the bare servers share: the contract of the lessons' programs. They print "listening on
 * HOST:PORT (model bare-...)", and SIGINT and SIGTERM end them with status 0.
 *
 *   PROGRAM [--host NAME] [--port N] [--cpu N] */

#ifndef UNBLOCK_BENCH_BARE_H
#define UNBLOCK_BENCH_BARE_H

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void die(const char *call) {
  fprintf(stderr, "%s: %s: %s\n", program_invocation_short_name, call, strerror(errno));
  exit(1);
}

static int is_out_of_resources(int error) {
  return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

/* The kernel closes what is open. */
static void on_stop(int signal_number) {
  (void)signal_number;
  _exit(0);
}

static long number(const char *text, long largest) {
  char *end;
  long value = strtol(text, &end, 10);
  if (*text == '\0' || *end != '\0' || value < 0 || value > largest) {
    fprintf(stderr, "%s: '%s' is not a number from 0 to %ld\n", program_invocation_short_name,
            text, largest);
    exit(2);
  }
  return value;
}

/* type: SOCK_STREAM and its flags. */
static int listen_on(const char *host, const char *port, int type) {
  struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
  struct addrinfo *address;
  int status = getaddrinfo(host, port, &hints, &address);
  if (status != 0) {
    fprintf(stderr, "%s: host '%s' does not resolve (%s)\n", program_invocation_short_name, host,
            gai_strerror(status));
    exit(1);
  }
  int fd = socket(address->ai_family, type, 0);
  if (fd < 0) die("socket");
  int on = 1;
  if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0) die("setsockopt");
  if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) < 0) die("setsockopt");
  if (bind(fd, address->ai_addr, address->ai_addrlen) < 0 || listen(fd, SOMAXCONN) < 0) {
    fprintf(stderr, "%s: cannot listen on %s, port %s: %s\n", program_invocation_short_name, host,
            port, strerror(errno));
    exit(1);
  }
  freeaddrinfo(address);
  return fd;
}

static void announce(int fd, const char *host, const char *model) {
  struct sockaddr_storage address;
  socklen_t length = sizeof address;
  if (getsockname(fd, (struct sockaddr *)&address, &length) < 0) die("getsockname");
  /* The port lies at the same place in an IPv6 address. */
  unsigned port = ntohs(((struct sockaddr_in *)&address)->sin_port);
  const char *format = strchr(host, ':') != NULL ? "listening on [%s]:%u (model %s)\n"
                                                 : "listening on %s:%u (model %s)\n";
  if (printf(format, host, port, model) < 0 || fflush(stdout) != 0) die("standard output");
}

/* Reads the command line, and returns the listener. */
static int begin(int argc, char **argv, const char *model, int type) {
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
      fprintf(stderr, "usage: %s [--host NAME] [--port N] [--cpu N]\n",
              program_invocation_short_name);
      exit(2);
    }
  }
  struct sigaction stop = {.sa_handler = on_stop};
  if (sigaction(SIGINT, &stop, NULL) < 0 || sigaction(SIGTERM, &stop, NULL) < 0) die("sigaction");
  int fd = listen_on(host, port, type);
  announce(fd, host, model);
  return fd;
}

#endif
