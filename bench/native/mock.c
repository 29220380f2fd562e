/* The model server of the benches: one thread, epoll, answers of fixed shape, chunks paced by the clock.
 *
 * POST <any path> with a JSON body answers a chat completion of about 1 KB; with "stream":true it answers SSE chunks, each with
 * `#<sequence, 8 hex>@<monotonic ns, 16 hex>` at the start of its content. How is told inside the prompt, where every gateway
 * passes it on untouched: `bench chunks=50 interval_us=20000 size=200 first_us=0 hold=0` (hold 1: after the
 * first chunk the stream waits for POST /go and then goes on from a random moment of one interval, so that all streams start
 * together but do not march in step). The last chunk says `$<chunks sent, 8 hex>`, so that a
 * reader knows what is missing. GET /v1/models lists `mock`. GET /stats counts streams. POST /finish ends every open stream with
 * its next chunk, POST /drop cuts them. Prints one line when it listens; ends with its parent. */
#include "http1.h"

#define BODY_BYTES_KEPT 16384
#define OUT_BYTES_MAX 16384
#define CONNECTIONS_MAX 16384
#define CHUNK_BYTES_MAX 8192
#define BURST_MAX 64

enum work { IDLE, ANSWERING, STREAMING };

struct connection {
  int fd, slot, heap_at, is_writable_awaited, is_held;
  enum work work;
  uint64_t due_ns, interval_ns;
  uint32_t sequence, chunk_count;
  size_t chunk_bytes, body_length, out_length, out_sent, rest_length;
  struct message in;
  char body[BODY_BYTES_KEPT + 1], out[OUT_BYTES_MAX], rest[4096];
};

static struct connection *connections[CONNECTIONS_MAX], *heap[CONNECTIONS_MAX];
static int connection_count, heap_count, poll_fd, listen_fd;
static uint64_t streams_started, streams_finished, streams_abandoned, requests, random_state = 88172645463325252ull;
static int streams_open;
static char unary_answer[4096];
static size_t unary_length;

/* ---- the timers: a binary heap by due time ---- */

static void heap_put(int at, struct connection *c) {
  heap[at] = c;
  c->heap_at = at;
}

static void heap_sift(int at) {
  struct connection *c = heap[at];
  for (int up; at > 0 && heap[up = (at - 1) / 2]->due_ns > c->due_ns; at = up) heap_put(at, heap[up]);
  for (int down; (down = 2 * at + 1) < heap_count; at = down) {
    if (down + 1 < heap_count && heap[down + 1]->due_ns < heap[down]->due_ns) down++;
    if (heap[down]->due_ns >= c->due_ns) break;
    heap_put(at, heap[down]);
  }
  heap_put(at, c);
}

static void timer_set(struct connection *c, uint64_t due_ns) {
  c->due_ns = due_ns;
  if (c->heap_at < 0) heap_put(heap_count++, c);
  heap_sift(c->heap_at);
}

static void timer_clear(struct connection *c) {
  int at = c->heap_at;
  if (at < 0) return;
  c->heap_at = -1;
  if (at == --heap_count) return;
  heap_put(at, heap[heap_count]);
  heap_sift(at);
}

/* ---- connections and their way out ---- */

static void watch(struct connection *c, int is_writable_awaited, int operation) {
  struct epoll_event event = {EPOLLIN | EPOLLRDHUP | (is_writable_awaited ? EPOLLOUT : 0), {.ptr = c}};
  c->is_writable_awaited = is_writable_awaited;
  epoll_ctl(poll_fd, operation, c->fd, &event);
}

static struct connection *graveyard[CONNECTIONS_MAX];
static int graveyard_count;

static void leave(struct connection *c) {
  if (c->fd < 0) return;
  if (c->work == STREAMING) streams_abandoned++, streams_open--;
  timer_clear(c);
  close(c->fd);
  c->fd = -1;
  connections[c->slot] = connections[--connection_count];
  connections[c->slot]->slot = c->slot;
  /* Freed after this turn of events, since a later event of the turn may still name it. */
  graveyard[graveyard_count++] = c;
}

/* Sends what is pending; what the socket does not take waits for EPOLLOUT. */
static void flush_out(struct connection *c) {
  while (c->out_sent < c->out_length) {
    ssize_t sent = send(c->fd, c->out + c->out_sent, c->out_length - c->out_sent, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && errno == EAGAIN) {
      if (!c->is_writable_awaited) watch(c, 1, EPOLL_CTL_MOD);
      return;
    }
    if (sent < 0) {
      leave(c);
      return;
    }
    c->out_sent += (size_t)sent;
  }
  c->out_length = c->out_sent = 0;
  if (c->is_writable_awaited) watch(c, 0, EPOLL_CTL_MOD);
}

static void say(struct connection *c, const char *bytes, size_t length) {
  if (c->out_length + length > OUT_BYTES_MAX) return leave(c);
  memcpy(c->out + c->out_length, bytes, length);
  c->out_length += length;
}

static void say_json(struct connection *c, const char *json) {
  char head[160];
  int length = snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %zu\r\n\r\n",
                        strlen(json));
  say(c, head, (size_t)length);
  say(c, json, strlen(json));
}

/* ---- answers ---- */

static void build_unary(void) {
  static char text[801], json[2048];
  const char *words = "the gateway holds fast and the answer arrives whole ";
  for (size_t i = 0; i + 1 < sizeof text; i++) text[i] = words[i % strlen(words)];
  int length = snprintf(json, sizeof json,
    "{\"id\":\"chatcmpl-1\",\"object\":\"chat.completion\",\"created\":1,\"model\":\"mock\",\"choices\":[{\"index\":0,\"message\":"
    "{\"role\":\"assistant\",\"content\":\"%s\"},\"finish_reason\":\"stop\"}],"
    "\"usage\":{\"prompt_tokens\":200,\"completion_tokens\":160,\"total_tokens\":360}}", text);
  unary_length = (size_t)snprintf(unary_answer, sizeof unary_answer,
    "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s", length, json);
}

static const char chunk_start[] =
  "data: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"mock\",\"choices\":[{\"index\":0,\"delta\":{";
static const char chunk_rest[] = "},\"finish_reason\":null}]}\n\n";

static void say_chunk(struct connection *c) {
  char frame[CHUNK_BYTES_MAX + 512], *at = frame + 8;
  size_t fixed = sizeof chunk_start - 1 + 38 + sizeof chunk_rest - 1;
  size_t pad = c->chunk_bytes > fixed ? c->chunk_bytes - fixed : 0;
  at += sprintf(at, "%s\"content\":\"#%08x@%016llx", chunk_start, c->sequence, (unsigned long long)now_ns());
  memset(at, '.', pad);
  at += pad;
  at += sprintf(at, "\"%s", chunk_rest);
  size_t length = (size_t)(at - frame - 8);
  char size_line[9];
  sprintf(size_line, "%06zx\r\n", length);
  memcpy(frame, size_line, 8);
  memcpy(at, "\r\n", 2);
  say(c, frame, length + 10);
  c->sequence++;
}

static void start_stream(struct connection *c, uint64_t first_ns) {
  char text[1024];
  char role[512];
  int length = snprintf(role, sizeof role, "%s\"role\":\"assistant\",\"content\":\"\"%s", chunk_start, chunk_rest);
  length = snprintf(text, sizeof text,
    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncache-control: no-cache\r\ntransfer-encoding: chunked\r\n\r\n%x\r\n%s\r\n",
    length, role);
  say(c, text, (size_t)length);
  c->work = STREAMING;
  streams_started++;
  streams_open++;
  timer_set(c, now_ns() + first_ns);
}

static void end_stream(struct connection *c) {
  char text[512];
  int length = snprintf(text, sizeof text, "%s\"content\":\"$%08x\"},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n", chunk_start,
                        c->sequence);
  char frame[640];
  length = snprintf(frame, sizeof frame, "%x\r\n%s\r\n0\r\n\r\n", length, text);
  say(c, frame, (size_t)length);
  c->work = IDLE;
  streams_finished++;
  streams_open--;
}

/* What is due: one chunk, or up to a burst of them when no interval is asked. */
static void step(struct connection *c) {
  if (c->work == ANSWERING) {
    c->work = IDLE;
    say(c, unary_answer, unary_length);
    return flush_out(c);
  }
  for (int burst = 0; burst < BURST_MAX && c->work == STREAMING && c->out_length == 0; burst++) {
    if (c->sequence < c->chunk_count) say_chunk(c);
    if (c->sequence >= c->chunk_count) end_stream(c);
    flush_out(c);
    if (c->fd < 0) return;
    if (c->interval_ns) break;
  }
  if (c->work != STREAMING || c->is_held) return;
  /* A stream that fell behind because its reader is slow goes on from now, without a burst to catch up. */
  uint64_t now = now_ns(), next = c->due_ns + c->interval_ns;
  if (c->out_length == 0) timer_set(c, next > now ? next : now);
}

/* ---- requests ---- */

static uint64_t directive(const char *body, const char *name, uint64_t otherwise) {
  const char *at = strstr(body, name);
  return at ? strtoull(at + strlen(name), NULL, 10) : otherwise;
}

static int wants_stream(const char *body) {
  const char *at = strstr(body, "\"stream\"");
  if (at == NULL) return 0;
  at += 8;
  while (*at == ' ' || *at == ':') at++;
  return strncmp(at, "true", 4) == 0;
}

static void drop_streams(void) {
  for (int i = connection_count - 1; i >= 0; i--)
    if (connections[i]->work == STREAMING) leave(connections[i]);
}

static void finish_streams(void) {
  for (int i = 0; i < connection_count; i++)
    if (connections[i]->work == STREAMING) connections[i]->chunk_count = connections[i]->sequence;
}

static void release_streams(void) {
  for (int i = 0; i < connection_count; i++) {
    struct connection *c = connections[i];
    if (c->work != STREAMING || !c->is_held) continue;
    c->is_held = 0;
    random_state ^= random_state << 13, random_state ^= random_state >> 7, random_state ^= random_state << 17;
    timer_set(c, now_ns() + (c->interval_ns ? random_state % c->interval_ns : 0));
  }
}

static int is_path(const struct connection *c, const char *start) { return strncmp(c->in.head, start, strlen(start)) == 0; }

static int is_completion(const struct connection *c) {
  return is_path(c, "POST /") && !is_path(c, "POST /drop ") && !is_path(c, "POST /finish ") && !is_path(c, "POST /go ");
}

static void answer_other(struct connection *c) {
  char json[512];
  if (is_path(c, "GET /v1/models"))
    return say_json(c, "{\"object\":\"list\",\"data\":[{\"id\":\"mock\",\"object\":\"model\",\"created\":1,\"owned_by\":\"bench\"}]}");
  if (is_path(c, "POST /drop ")) drop_streams();
  if (is_path(c, "POST /finish ")) finish_streams();
  if (is_path(c, "POST /go ")) release_streams();
  snprintf(json, sizeof json,
    "{\"requests\":%llu,\"streams_open\":%d,\"streams_started\":%llu,\"streams_finished\":%llu,\"streams_abandoned\":%llu,"
    "\"connections\":%d}", (unsigned long long)requests, streams_open, (unsigned long long)streams_started,
    (unsigned long long)streams_finished, (unsigned long long)streams_abandoned, connection_count);
  say_json(c, json);
}

static void answer(struct connection *c) {
  c->body[c->body_length] = 0;
  if (!is_completion(c)) {
    answer_other(c);
    return flush_out(c);
  }
  requests++;
  uint64_t first_ns = directive(c->body, "first_us=", 0) * 1000;
  if (!wants_stream(c->body)) {
    c->work = ANSWERING;
    return first_ns ? timer_set(c, now_ns() + first_ns) : step(c);
  }
  c->sequence = 0;
  c->chunk_count = (uint32_t)directive(c->body, "chunks=", 20);
  c->interval_ns = directive(c->body, "interval_us=", 20000) * 1000;
  c->chunk_bytes = directive(c->body, "size=", 200);
  if (c->chunk_bytes > CHUNK_BYTES_MAX) c->chunk_bytes = CHUNK_BYTES_MAX;
  c->is_held = directive(c->body, "hold=", 0) != 0;
  start_stream(c, first_ns);
  flush_out(c);
}

static void keep_body(void *owner, const char *bytes, size_t length) {
  struct connection *c = owner;
  size_t room = BODY_BYTES_KEPT - c->body_length, taken = length < room ? length : room;
  memcpy(c->body + c->body_length, bytes, taken);
  c->body_length += taken;
}

/* Eats bytes of requests; a request that comes while an answer is under way is kept until the answer is out. */
static void take(struct connection *c, const char *bytes, size_t length) {
  while (length > 0 && c->fd >= 0) {
    if (c->work != IDLE) {
      if (length > sizeof c->rest) return leave(c);
      memmove(c->rest, bytes, length);
      c->rest_length = length;
      return;
    }
    size_t eaten = message_feed(&c->in, bytes, length, keep_body, c);
    bytes += eaten;
    length -= eaten;
    if (c->in.phase == BROKEN) return leave(c);
    if (c->in.phase != COMPLETE) return;
    answer(c);
    message_reset(&c->in);
    c->body_length = 0;
  }
}

static void read_from(struct connection *c) {
  static char bytes[65536];
  ssize_t length = recv(c->fd, bytes, sizeof bytes, MSG_DONTWAIT);
  if (length == 0 || (length < 0 && errno != EAGAIN)) return leave(c);
  if (length > 0) take(c, bytes, (size_t)length);
}

static void take_rest(struct connection *c) {
  if (c->fd < 0 || c->work != IDLE || c->rest_length == 0) return;
  size_t length = c->rest_length;
  c->rest_length = 0;
  take(c, c->rest, length);
}

static void accept_all(void) {
  for (int fd; (fd = accept4(listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0;) {
    struct connection *c = connection_count < CONNECTIONS_MAX ? malloc(sizeof *c) : NULL;
    if (c == NULL) {
      close(fd);
      continue;
    }
    int one = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    c->fd = fd;
    c->heap_at = -1;
    c->work = IDLE;
    c->body_length = c->out_length = c->out_sent = c->rest_length = 0;
    c->in.is_request = 1;
    c->slot = connection_count;
    message_reset(&c->in);
    connections[connection_count++] = c;
    watch(c, 0, EPOLL_CTL_ADD);
  }
}

static void handle(struct connection *c, uint32_t events) {
  if (c->fd >= 0 && (events & EPOLLOUT)) {
    flush_out(c);
    if (c->fd >= 0 && c->out_length == 0 && c->work == STREAMING && c->heap_at < 0 && !c->is_held) timer_set(c, now_ns());
  }
  if (c->fd >= 0 && (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))) read_from(c);
  take_rest(c);
}

static int listen_on(int port) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
  socklen_t size = sizeof address;
  int one = 1;
  listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  setsockopt(listen_fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (bind(listen_fd, (struct sockaddr *)&address, size) || listen(listen_fd, 4096)) {
    perror("mock: listen");
    exit(1);
  }
  getsockname(listen_fd, (struct sockaddr *)&address, &size);
  return ntohs(address.sin_port);
}

int main(int count, char **arguments) {
  int port = 0;
  for (int i = 1; i + 1 < count; i += 2)
    if (strcmp(arguments[i], "--port") == 0) port = atoi(arguments[i + 1]);
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  build_unary();
  poll_fd = epoll_create1(EPOLL_CLOEXEC);
  port = listen_on(port);
  struct epoll_event listening = {EPOLLIN, {.ptr = NULL}}, events[512];
  epoll_ctl(poll_fd, EPOLL_CTL_ADD, listen_fd, &listening);
  printf("{\"event\":\"ready\",\"port\":%d}\n", port);
  fflush(stdout);
  for (;;) {
    int ready = wait_until(poll_fd, events, 512, heap_count ? heap[0]->due_ns : now_ns() + 10 * SECOND_NS);
    for (int i = 0; i < ready; i++) {
      if (events[i].data.ptr == NULL) accept_all();
      else handle(events[i].data.ptr, events[i].events);
    }
    uint64_t now = now_ns();
    while (heap_count && heap[0]->due_ns <= now) {
      struct connection *c = heap[0];
      timer_clear(c);
      step(c);
      take_rest(c);
    }
    while (graveyard_count) free(graveyard[--graveyard_count]);
  }
}
