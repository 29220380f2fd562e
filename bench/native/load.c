/* The load of the benches: one thread, epoll, keep-alive connections; prints one JSON line of results.
 *
 *   load unary  closed loop: each connection asks again as soon as it has its answer
 *   load open   open loop: requests start at Poisson moments; delay counts from the moment meant, not from the moment sent
 *   load sse    each connection reads one stream (with --repeat 1: stream after stream); delay counts from the stamp in the chunk
 *
 *   --port P --path /v1/chat/completions --header "name: value" (repeatable) --body-bytes 1024
 *   --connections 64 --seconds 2 --warmup-ms 300 --count N (stop after N answers) --rate 500 (open)
 *   --chunks K --interval-us U --size B --first-us F --hold 0|1 --ramp-ms R --drain-ms D --leave-after N (sse)
 *   --pids 1,2,3: CPU of these processes during the window, utime + stime of /proc/<pid>/stat
 *
 * The window opens when every connection is at work and the warm-up is over, and stays open for --seconds; units, delays and CPU
 * count inside it. Loss and repeats count over the whole run, by the sequence number in each chunk and the total in the last one.
 * When every connection is at work, held streams are let go through the mock at --mock-port; when the window opens,
 * `{"event":"steady"}` is printed; when it closes, the mock is told to finish all streams, and those still under way --drain-ms later
 * are cut and counted as unfinished. Chunks that took longer than --late-us are counted as late. */
#include "http1.h"

#define CONNECTIONS_MAX 9000
#define LINE_BYTES_MAX 4096
#define QUEUE_MAX 65536
#define ERRORS_MAX 20000
#define NEVER UINT64_MAX

static struct {
  const char *path, *pids;
  char headers[4096];
  uint64_t port, connections, seconds_ms, warmup_ms, count, rate, chunks, interval_us, size, first_us, hold, ramp_ms, drain_ms;
  uint64_t leave_after, repeat, body_bytes, mock_port, late_us;
} ask = {.path = "/v1/chat/completions", .pids = "", .connections = 64, .seconds_ms = 2000, .warmup_ms = 300, .rate = 500, .chunks = 20,
         .interval_us = 20000, .size = 200, .drain_ms = 5000, .body_bytes = 1024, .late_us = 20000};

enum mode { UNARY, OPEN, SSE } mode;

struct connection {
  int fd, is_busy, is_started, has_finish, has_done, is_leaving;
  uint64_t meant_ns, sent_at_ns;
  uint32_t next, total;
  size_t sent, line_length;
  struct message in;
  char line[LINE_BYTES_MAX];
};

static struct connection *connections;
static struct histogram delay, first_token;
static char *request;
static size_t request_length;
static int poll_fd, in_window, is_closing, started_count, at_work_count, busy_count;
static uint64_t now, units, late, answers, errors, lost, repeated, cut, finished, left_early, window_start_ns, window_end_ns;
static uint64_t queue[QUEUE_MAX], queue_head, queue_tail;
static double cpu_us, own_cpu_us;
static char first_error[256];

/* ---- CPU accounting ---- */

/* utime + stime of all given processes, microseconds; the command name may hold blanks, so read from the last bracket. */
static double cpu_of_pids(void) {
  double ticks = 0;
  for (const char *at = ask.pids; *at;) {
    char path[64], text[1024];
    char *next;
    long pid = strtol(at, &next, 10);
    at = *next == ',' ? next + 1 : next;
    if (next == at && *at) break;
    snprintf(path, sizeof path, "/proc/%ld/stat", pid);
    int fd = open(path, O_RDONLY);
    ssize_t length = fd < 0 ? 0 : read(fd, text, sizeof text - 1);
    if (fd >= 0) close(fd);
    text[length > 0 ? length : 0] = 0;
    unsigned long user, system;
    const char *rest = strrchr(text, ')');
    if (rest && sscanf(rest + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system) == 2) ticks += (double)(user + system);
  }
  return ticks * 1e6 / (double)sysconf(_SC_CLK_TCK);
}

static double own_cpu(void) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e6 + (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

static void open_window(void) {
  in_window = 1;
  cpu_us = cpu_of_pids();
  own_cpu_us = own_cpu();
  window_start_ns = now_ns();
  window_end_ns = window_start_ns + ask.seconds_ms * 1000000;
  printf("{\"event\":\"steady\",\"connections\":%d}\n", at_work_count);
  fflush(stdout);
}

static void close_window(void) {
  in_window = 0;
  window_end_ns = now_ns();
  cpu_us = cpu_of_pids() - cpu_us;
  own_cpu_us = own_cpu() - own_cpu_us;
}

/* ---- connections ---- */

/* Counts an error and keeps the words of the first one for the report; `words` must need no escape in JSON. */
static void count_error(const char *words, long detail, long chunks) {
  if (errors++ == 0) snprintf(first_error, sizeof first_error, "%s %ld, %ld chunks read", words, detail, chunks);
}

static void watch(struct connection *c, uint32_t events, int operation) {
  struct epoll_event event = {events, {.ptr = c}};
  epoll_ctl(poll_fd, operation, c->fd, &event);
}

static int connect_to(uint64_t port) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
  int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address)) {
    close(fd);
    return -1;
  }
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  return fd;
}

/* Waits for the answer, so that the mock has done it when this returns. */
static void tell_mock(const char *path) {
  char text[128], answer[1024];
  int fd = ask.mock_port ? connect_to(ask.mock_port) : -1;
  if (fd < 0) return;
  int length = snprintf(text, sizeof text, "POST %s HTTP/1.1\r\nhost: mock\r\ncontent-length: 0\r\n\r\n", path);
  if (send(fd, text, (size_t)length, MSG_NOSIGNAL) < 0 || recv(fd, answer, sizeof answer, 0) < 0) count_error("the mock did not take a command, errno", errno, 0);
  close(fd);
}

static int dial(struct connection *c) {
  c->fd = connect_to(ask.port);
  if (c->fd < 0) {
    count_error("not connected, errno", errno, 0);
    return 0;
  }
  fcntl(c->fd, F_SETFL, O_NONBLOCK);
  watch(c, EPOLLIN, EPOLL_CTL_ADD);
  return 1;
}

static void hang_up(struct connection *c) {
  if (c->fd >= 0) close(c->fd);
  c->fd = -1;
  busy_count -= c->is_busy;
  c->is_busy = 0;
}

static void push_request(struct connection *c) {
  ssize_t sent = send(c->fd, request + c->sent, request_length - c->sent, MSG_NOSIGNAL | MSG_DONTWAIT);
  if (sent > 0) c->sent += (size_t)sent;
  if (c->sent < request_length) watch(c, EPOLLIN | EPOLLOUT, EPOLL_CTL_MOD);
}

static void ask_on(struct connection *c, uint64_t meant_ns) {
  if (c->fd < 0 && !dial(c)) return;
  c->is_busy = 1;
  busy_count++;
  c->has_finish = c->has_done = c->is_leaving = 0;
  c->next = c->total = 0;
  c->sent = c->line_length = 0;
  c->meant_ns = meant_ns;
  c->sent_at_ns = now_ns();
  message_reset(&c->in);
  push_request(c);
}

static void mark_at_work(struct connection *c) {
  if (!c->is_started) at_work_count++;
  c->is_started = 1;
}

/* ---- reading answers ---- */

static uint64_t hex_at(const char *text, int digits) {
  uint64_t value = 0;
  for (int i = 0; i < digits; i++) value = value * 16 + (uint64_t)(hex_of(text[i]) & 15);
  return value;
}

static void take_chunk(struct connection *c, const char *mark) {
  uint32_t sequence = (uint32_t)hex_at(mark, 8);
  uint64_t stamp_ns = hex_at(mark + 9, 16);
  if (sequence < c->next) {
    repeated++;
    return;
  }
  lost += sequence - c->next;
  c->next = sequence + 1;
  if (sequence == 0) {
    mark_at_work(c);
    if (in_window) histogram_add(&first_token, now - c->sent_at_ns);
  }
  if (in_window) {
    units++;
    histogram_add(&delay, now > stamp_ns ? now - stamp_ns : 0);
    if (now > stamp_ns + ask.late_us * 1000) late++;
  }
  if (ask.leave_after && c->next >= ask.leave_after) c->is_leaving = 1;
}

static void take_line(struct connection *c, const char *line, size_t length) {
  if (length < 6 || memcmp(line, "data:", 5) != 0) return;
  const char *mark = memmem(line, length, "\"#", 2);
  if (mark && (size_t)(line + length - mark) > 27 && mark[10] == '@') return take_chunk(c, mark + 2);
  const char *total = memmem(line, length, "\"$", 2);
  if (memmem(line, length, "[DONE]", 6)) {
    c->has_done = 1;
  } else if (total && (size_t)(line + length - total) > 10 && memmem(line, length, "\"finish_reason\":\"stop\"", 22)) {
    c->has_finish = 1;
    c->total = (uint32_t)hex_at(total + 2, 8);
  }
}

static void take_body(void *owner, const char *bytes, size_t length) {
  struct connection *c = owner;
  if (mode != SSE) return;
  while (length > 0) {
    const char *end = memchr(bytes, '\n', length);
    size_t piece = end ? (size_t)(end - bytes) : length;
    if (end && c->line_length == 0) {
      take_line(c, bytes, piece);
    } else {
      size_t room = LINE_BYTES_MAX - c->line_length, taken = piece < room ? piece : room;
      memcpy(c->line + c->line_length, bytes, taken);
      c->line_length += taken;
      if (end) {
        take_line(c, c->line, c->line_length);
        c->line_length = 0;
      }
    }
    if (end) piece++;
    bytes += piece;
    length -= piece;
  }
}

static int is_enough(void) { return is_closing || (ask.count && answers + errors >= ask.count); }

/* What the connection does after an answer: ask again, take a waiting arrival, or rest. */
static void go_on(struct connection *c) {
  if (is_enough()) return;
  if (mode == UNARY || (mode == SSE && ask.repeat)) ask_on(c, now_ns());
  else if (mode == OPEN && queue_head != queue_tail) ask_on(c, queue[queue_head++ % QUEUE_MAX]);
}

static void fail(struct connection *c, const char *words, long detail) {
  count_error(words, detail, c->next);
  mark_at_work(c);
  hang_up(c);
  if (mode == SSE && !ask.repeat) return;
  if (errors < ERRORS_MAX) go_on(c);
}

static void answer_complete(struct connection *c) {
  size_t length = 0;
  const char *connection = header_of(&c->in, "connection:", &length);
  if (status_of(&c->in) != 200) return fail(c, "status", status_of(&c->in));
  c->is_busy = 0;
  busy_count--;
  answers++;
  if (mode == SSE) {
    finished++;
    if (!c->has_done || !c->has_finish) cut++;
    else if (c->next < c->total) lost += c->total - c->next;
  } else {
    mark_at_work(c);
    if (in_window) {
      units++;
      histogram_add(&delay, now - c->meant_ns);
    }
  }
  if (c->in.phase == UNTIL_CLOSE || (connection && length == 5 && strncasecmp(connection, "close", 5) == 0)) hang_up(c);
  go_on(c);
}

static void read_from(struct connection *c) {
  static char bytes[65536];
  ssize_t length = recv(c->fd, bytes, sizeof bytes, MSG_DONTWAIT);
  now = now_ns();
  if (length < 0 && errno == EAGAIN) return;
  if (length <= 0) {
    /* A server may close an idle connection whenever it likes; only an answer under way makes it an error. */
    if (!c->is_busy) return hang_up(c);
    if (c->in.phase == UNTIL_CLOSE) return answer_complete(c);
    if (mode == SSE) cut++;
    return fail(c, c->in.head_length ? "closed in the middle of an answer, errno" : "closed without an answer, errno", length < 0 ? errno : 0);
  }
  if (!c->is_busy) return hang_up(c);
  message_feed(&c->in, bytes, (size_t)length, take_body, c);
  if (c->is_leaving) {
    left_early++;
    answers++;
    hang_up(c);
    go_on(c);
  } else if (c->in.phase == BROKEN) {
    fail(c, "garbled answer, head bytes", (long)c->in.head_length);
  } else if (c->in.phase == COMPLETE) {
    answer_complete(c);
  }
}

static void handle(struct connection *c, uint32_t events) {
  if (c->fd < 0) return;
  if (events & EPOLLOUT) {
    if (c->sent < request_length) push_request(c);
    if (c->sent >= request_length) watch(c, EPOLLIN, EPOLL_CTL_MOD);
  }
  if (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) read_from(c);
}

/* ---- the plan: ramp, warm-up, window, drain ---- */

/* A small generator of its own, seeded the same each run: arrivals are the same for every candidate. */
static double random_unit(void) {
  static uint64_t state = 0x9e3779b97f4a7c15ull;
  state ^= state << 13, state ^= state >> 7, state ^= state << 17;
  return ((double)(state >> 11) + 1) / 9007199254740993.0;
}

/* -ln(x) for 0 < x <= 1 without libm: x = m * 2^e, then the atanh series. */
static double minus_log(double x) {
  int halvings = 0;
  while (x < 0.5) x *= 2, halvings++;
  double y = (x - 1) / (x + 1), square = y * y, term = y, sum = 0;
  for (int k = 1; k < 30; k += 2, term *= square) sum += term / k;
  return (double)halvings * 0.6931471805599453 - 2 * sum;
}

static void arrive(uint64_t meant_ns) {
  for (uint64_t i = 0; i < ask.connections; i++)
    if (!connections[i].is_busy) return ask_on(&connections[i], meant_ns);
  if (queue_tail - queue_head >= QUEUE_MAX) count_error("too many arrivals waiting", QUEUE_MAX, 0);
  else queue[queue_tail++ % QUEUE_MAX] = meant_ns;
}

static uint64_t start_some(uint64_t begin_ns) {
  uint64_t step_ns = ask.ramp_ms * 1000000 / ask.connections;
  while ((uint64_t)started_count < ask.connections && begin_ns + step_ns * (uint64_t)started_count <= now_ns()) {
    struct connection *c = &connections[started_count++];
    if (mode == OPEN) {
      if (dial(c)) mark_at_work(c);
    } else {
      ask_on(c, now_ns());
      if (c->fd < 0) mark_at_work(c);
    }
  }
  return (uint64_t)started_count < ask.connections ? begin_ns + step_ns * (uint64_t)started_count : NEVER;
}

static uint64_t min_of(uint64_t a, uint64_t b) { return a < b ? a : b; }

static void run(void) {
  struct epoll_event events[512];
  uint64_t begin_ns = now_ns(), warm_ns = NEVER, arrival_ns = NEVER, drain_ns = NEVER, give_up_ns = begin_ns + 120 * SECOND_NS;
  for (;;) {
    uint64_t wake_ns = min_of(start_some(begin_ns), begin_ns + 130 * SECOND_NS);
    now = now_ns();
    int all_at_work = (uint64_t)at_work_count >= ask.connections || now > begin_ns + 30 * SECOND_NS;
    if (warm_ns == NEVER && all_at_work) {
      warm_ns = now + ask.warmup_ms * 1000000;
      if (mode == OPEN) arrival_ns = now;
      if (ask.hold) tell_mock("/go");
    }
    if (warm_ns != NEVER && window_start_ns == 0 && now >= warm_ns) open_window();
    if (in_window && (now >= window_end_ns || (ask.count && is_enough()))) {
      close_window();
      is_closing = 1;
      if (mode == SSE) tell_mock("/finish");
      drain_ns = now + ask.drain_ms * 1000000;
      arrival_ns = NEVER;
    }
    if (drain_ns != NEVER && (busy_count == 0 || now >= drain_ns)) return;
    if (now >= give_up_ns || errors >= ERRORS_MAX) return;
    while (arrival_ns <= now) {
      arrive(arrival_ns);
      arrival_ns += (uint64_t)(minus_log(random_unit()) * 1e9 / (double)ask.rate);
    }
    if (drain_ns != NEVER) wake_ns = min_of(wake_ns, drain_ns);
    else if (in_window) wake_ns = min_of(wake_ns, window_end_ns);
    else wake_ns = min_of(wake_ns, warm_ns);
    int ready = wait_until(poll_fd, events, 512, min_of(min_of(wake_ns, arrival_ns), now + SECOND_NS));
    for (int i = 0; i < ready; i++) handle(events[i].data.ptr, events[i].events);
  }
}

/* ---- the edge of the program ---- */

static void build_request(void) {
  size_t room = ask.body_bytes + 8192;
  char *body = malloc(room);
  request = malloc(room + 8192);
  size_t length = (size_t)sprintf(body,
    "{\"model\":\"mock\",\"stream\":%s,\"messages\":[{\"role\":\"user\",\"content\":\"bench chunks=%llu interval_us=%llu size=%llu "
    "first_us=%llu hold=%llu ", mode == SSE ? "true" : "false", (unsigned long long)ask.chunks, (unsigned long long)ask.interval_us,
    (unsigned long long)ask.size, (unsigned long long)ask.first_us, (unsigned long long)ask.hold);
  for (; length + 4 < ask.body_bytes; length++) body[length] = (char)(length % 7 ? 'a' + (int)(length % 26) : ' ');
  length += (size_t)sprintf(body + length, "\"}]}");
  request_length = (size_t)sprintf(request,
    "POST %s HTTP/1.1\r\nhost: 127.0.0.1:%llu\r\ncontent-type: application/json\r\naccept: */*\r\nauthorization: Bearer bench\r\n%s"
    "content-length: %zu\r\n\r\n", ask.path, (unsigned long long)ask.port, ask.headers, length);
  memcpy(request + request_length, body, length);
  request_length += length;
  free(body);
}

static void report(const char *name) {
  uint64_t unfinished = 0;
  for (uint64_t i = 0; i < ask.connections; i++) unfinished += (uint64_t)connections[i].is_busy;
  double seconds = window_start_ns ? (double)(window_end_ns - window_start_ns) / 1e9 : 0;
  printf("{\"mode\":\"%s\",\"seconds\":%.6f,\"units\":%llu,\"late\":%llu,\"answers\":%llu,\"errors\":%llu,\"lost\":%llu,\"repeated\":%llu,\"cut\":%llu,"
         "\"finished\":%llu,\"unfinished\":%llu,\"left_early\":%llu,\"cpu_us\":%.0f,\"own_cpu_us\":%.0f,\"p50_us\":%.1f,\"p90_us\":%.1f,"
         "\"p99_us\":%.1f,\"max_us\":%.1f,\"first_count\":%llu,\"first_p50_us\":%.1f,\"first_p99_us\":%.1f,\"first_error\":\"%s\"}\n",
         name, seconds, (unsigned long long)units, (unsigned long long)late, (unsigned long long)answers, (unsigned long long)errors, (unsigned long long)lost,
         (unsigned long long)repeated, (unsigned long long)cut, (unsigned long long)finished, (unsigned long long)unfinished,
         (unsigned long long)left_early, window_start_ns ? cpu_us : 0, window_start_ns ? own_cpu_us : 0, histogram_us(&delay, 0.5),
         histogram_us(&delay, 0.9), histogram_us(&delay, 0.99), (double)delay.max / 1000.0, (unsigned long long)first_token.count,
         histogram_us(&first_token, 0.5), histogram_us(&first_token, 0.99), first_error);
}

static int take_argument(const char *name, const char *value) {
  static const struct { const char *name; uint64_t *value; } numbers[] = {
    {"--port", &ask.port}, {"--connections", &ask.connections}, {"--warmup-ms", &ask.warmup_ms}, {"--count", &ask.count},
    {"--rate", &ask.rate}, {"--chunks", &ask.chunks}, {"--interval-us", &ask.interval_us}, {"--size", &ask.size},
    {"--first-us", &ask.first_us}, {"--hold", &ask.hold}, {"--ramp-ms", &ask.ramp_ms}, {"--drain-ms", &ask.drain_ms},
    {"--mock-port", &ask.mock_port}, {"--late-us", &ask.late_us}, {"--leave-after", &ask.leave_after}, {"--repeat", &ask.repeat}, {"--body-bytes", &ask.body_bytes}};
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
    if (strcmp(name, numbers[i].name) == 0) return *numbers[i].value = strtoull(value, NULL, 10), 1;
  if (strcmp(name, "--seconds") == 0) return ask.seconds_ms = (uint64_t)(atof(value) * 1000), 1;
  if (strcmp(name, "--path") == 0) return ask.path = value, 1;
  if (strcmp(name, "--pids") == 0) return ask.pids = value, 1;
  if (strcmp(name, "--header") != 0 || strlen(ask.headers) + strlen(value) + 3 > sizeof ask.headers) return 0;
  strcat(strcat(ask.headers, value), "\r\n");
  return 1;
}

int main(int count, char **arguments) {
  const char *name = count > 1 ? arguments[1] : "";
  mode = strcmp(name, "open") == 0 ? OPEN : strcmp(name, "sse") == 0 ? SSE : UNARY;
  int is_understood = count > 1 && count % 2 == 0 && (mode != UNARY || strcmp(name, "unary") == 0);
  for (int i = 2; i + 1 < count; i += 2) is_understood &= take_argument(arguments[i], arguments[i + 1]);
  if (!is_understood || ask.port == 0 || ask.connections == 0 || ask.connections > CONNECTIONS_MAX || ask.rate == 0) {
    fprintf(stderr, "load: arguments not understood; see the head of load.c\n");
    return 2;
  }
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  connections = calloc(ask.connections, sizeof *connections);
  for (uint64_t i = 0; i < ask.connections; i++) connections[i].fd = -1;
  poll_fd = epoll_create1(EPOLL_CLOEXEC);
  build_request();
  run();
  report(name);
  return 0;
}
