/* One HTTP/1.1 message read piece by piece, a clock and a histogram: what the mock and the load client share. */
#ifndef HTTP1_H
#define HTTP1_H

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define SECOND_NS 1000000000ull
#define HEAD_BYTES_MAX 8192

static inline uint64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * SECOND_NS + (uint64_t)t.tv_nsec;
}

/* Waits for events until `until_ns` with the kernel's full resolution: a millisecond clock would bundle paced chunks. */
static inline int wait_until(int poll, struct epoll_event *events, int count_max, uint64_t until_ns) {
  static int coarse = 0;
  uint64_t now = now_ns(), left = until_ns > now ? until_ns - now : 0;
  if (!coarse) {
    struct timespec t = {(time_t)(left / SECOND_NS), (long)(left % SECOND_NS)};
    int count = epoll_pwait2(poll, events, count_max, &t, NULL);
    if (count >= 0 || errno != ENOSYS) return count;
    coarse = 1;
  }
  return epoll_wait(poll, events, count_max, (int)((left + 999999) / 1000000));
}

enum phase { HEAD, SIZED, UNTIL_CLOSE, CHUNK_SIZE, CHUNK_DATA, CHUNK_END, TRAILER, COMPLETE, BROKEN };

struct message {
  enum phase phase;
  int is_request, line_length;
  uint64_t left;
  size_t head_length;
  char head[HEAD_BYTES_MAX];
};

typedef void (*body_sink)(void *owner, const char *bytes, size_t length);

static inline void message_reset(struct message *m) {
  m->phase = HEAD;
  m->head_length = 0;
}

/* The value of a header of a complete head, or NULL; `name` with its colon. */
static inline const char *header_of(const struct message *m, const char *name, size_t *length) {
  size_t name_length = strlen(name);
  const char *line = m->head, *end = m->head + m->head_length;
  while ((line = memchr(line, '\n', (size_t)(end - line))) != NULL) {
    line++;
    if ((size_t)(end - line) > name_length && strncasecmp(line, name, name_length) == 0) {
      const char *value = line + name_length, *stop = memchr(value, '\r', (size_t)(end - value));
      while (*value == ' ') value++;
      *length = stop ? (size_t)(stop - value) : 0;
      return value;
    }
  }
  return NULL;
}

static inline int status_of(const struct message *m) { return m->head_length > 12 ? atoi(m->head + 9) : 0; }

static inline void head_complete(struct message *m) {
  size_t length;
  const char *value;
  int status = m->is_request ? 0 : status_of(m);
  if (status >= 100 && status < 200) {
    message_reset(m);
  } else if (status == 204 || status == 304) {
    m->phase = COMPLETE;
  } else if ((value = header_of(m, "transfer-encoding:", &length)) != NULL && length >= 7) {
    m->phase = CHUNK_SIZE;
    m->left = 0;
  } else if ((value = header_of(m, "content-length:", &length)) != NULL) {
    m->left = strtoull(value, NULL, 10);
    m->phase = m->left ? SIZED : COMPLETE;
  } else {
    m->phase = m->is_request ? COMPLETE : UNTIL_CLOSE;
  }
}

static inline size_t eat_head(struct message *m, const char *bytes, size_t length) {
  size_t before = m->head_length, room = HEAD_BYTES_MAX - 1 - before, taken = length < room ? length : room;
  memcpy(m->head + before, bytes, taken);
  m->head[before + taken] = 0;
  size_t from = before > 3 ? before - 3 : 0;
  char *end = memmem(m->head + from, before + taken - from, "\r\n\r\n", 4);
  if (end == NULL) {
    m->head_length = before + taken;
    if (taken == room) m->phase = BROKEN;
    return taken;
  }
  m->head_length = (size_t)(end + 4 - m->head);
  size_t eaten = m->head_length - before;
  head_complete(m);
  return eaten;
}

static inline int hex_of(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  c |= 0x20;
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static inline void eat_frame_byte(struct message *m, char c) {
  if (m->phase == CHUNK_SIZE) {
    int digit = hex_of(c);
    if (c == '\n') {
      m->phase = m->left ? CHUNK_DATA : TRAILER;
      m->line_length = 0;
    } else if (digit >= 0 && m->left < (1ull << 40)) {
      m->left = m->left * 16 + (uint64_t)digit;
    } else if (c != '\r') {
      m->phase = BROKEN;
    }
  } else if (m->phase == CHUNK_END) {
    if (c == '\n') m->phase = CHUNK_SIZE;
  } else if (c == '\n') {
    if (m->line_length == 0) m->phase = COMPLETE;
    m->line_length = 0;
  } else if (c != '\r') {
    m->line_length++;
  }
}

/* Feeds bytes of the connection and returns how many belonged to this message; stops at COMPLETE or BROKEN. */
static inline size_t message_feed(struct message *m, const char *bytes, size_t length, body_sink sink, void *owner) {
  size_t at = 0;
  while (at < length && m->phase != COMPLETE && m->phase != BROKEN) {
    if (m->phase == HEAD) {
      at += eat_head(m, bytes + at, length - at);
    } else if (m->phase == SIZED || m->phase == CHUNK_DATA) {
      size_t taken = length - at < m->left ? length - at : (size_t)m->left;
      sink(owner, bytes + at, taken);
      at += taken;
      m->left -= taken;
      if (m->left == 0) m->phase = m->phase == SIZED ? COMPLETE : CHUNK_END;
    } else if (m->phase == UNTIL_CLOSE) {
      sink(owner, bytes + at, length - at);
      at = length;
    } else {
      eat_frame_byte(m, bytes[at++]);
    }
  }
  return at;
}

/* Log-linear histogram of nanoseconds: 64 steps to each doubling, so 1.6 % at worst. */
#define HISTOGRAM_STEPS 64
struct histogram {
  uint64_t count, max, bucket[64 * HISTOGRAM_STEPS];
};

static inline void histogram_add(struct histogram *h, uint64_t value) {
  int shift = value < HISTOGRAM_STEPS ? 0 : 63 - __builtin_clzll(value) - 6;
  h->bucket[shift * HISTOGRAM_STEPS + (int)(value >> shift)]++;
  h->count++;
  if (value > h->max) h->max = value;
}

/* The value below which `share` of the entries lie, in microseconds; 0 without entries. */
static inline double histogram_us(const struct histogram *h, double share) {
  uint64_t wanted = (uint64_t)(share * (double)h->count), seen = 0;
  for (int i = 0; i < 64 * HISTOGRAM_STEPS; i++) {
    seen += h->bucket[i];
    if (seen > wanted) {
      int shift = i < 2 * HISTOGRAM_STEPS ? 0 : i / HISTOGRAM_STEPS - 1;
      return (double)((uint64_t)(i - shift * HISTOGRAM_STEPS) << shift) / 1000.0;
    }
  }
  return (double)h->max / 1000.0;
}

#endif
