/* Connections, and the answers of HTTP. */
#include "load.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

long draining;
static int poller, timer;

_Noreturn void die(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    exit(1);
}

uint64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

void open_net(void) {
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    poller = epoll_create1(0);
    timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    epoll_ctl(poller, EPOLL_CTL_ADD, timer, &event);
}

struct connection *open_connection(enum kind kind, int port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    struct connection *c = calloc(1, sizeof *c);
    int one = 1;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    c->kind = kind;
    c->size = 4096;
    c->buffer = malloc(c->size);
    c->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (c->fd < 0) die("socket: %s", strerror(errno));
    if (connect(c->fd, (struct sockaddr *)&address, sizeof address)) die("connect: %s", strerror(errno));
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    fcntl(c->fd, F_SETFL, O_NONBLOCK);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
    epoll_ctl(poller, EPOLL_CTL_ADD, c->fd, &event);
    return c;
}

/* Writes are small and the peer reads: a short write is not expected on loopback. */
void write_all(struct connection *c, const char *data, size_t length) {
    if (send(c->fd, data, length, MSG_NOSIGNAL) != (ssize_t)length) die("short write: %s", strerror(errno));
}

/* Send the request as of `at`: one that was due while all connections were busy has waited since then. */
void post(struct connection *c, uint64_t at) {
    char digits[21];
    c->sent_at = at;
    if (c->request->stamp) {
        snprintf(digits, sizeof digits, "%020llu", (unsigned long long)at);
        memcpy(c->request->bytes + c->request->stamp, digits, 20);
    }
    write_all(c, c->request->bytes, c->request->length);
}

/* The text of a frame is not terminated: look no further than its end. */
const char *find(const char *text, size_t length, const char *what) {
    return memmem(text, length, what, strlen(what));
}

static size_t read_answer(struct connection *c) {
    char *end = memmem(c->buffer, c->length, "\r\n\r\n", 4);
    if (!end) return 0;
    size_t head = (size_t)(end - c->buffer) + 4;
    if (c->kind == SOCKET) {
        if (memcmp(c->buffer, "HTTP/1.1 101", 12)) die("no upgrade: %.*s", (int)head, c->buffer);
        upgraded(c);
        return head;
    }
    *end = 0;
    char *length = strcasestr(c->buffer, "content-length:");
    if (!length) die("an answer without a length: %s", c->buffer);
    size_t total = head + strtoul(length + 15, NULL, 10);
    *end = '\r';
    if (c->length < total) return 0;
    if (memcmp(c->buffer, "HTTP/1.1 200", 12)) note_refusal(c->buffer, total);
    else answered(c, c->buffer + head, total - head);
    c->sent_at = 0;
    return total;
}

static void readable(struct connection *c) {
    if (c->length == c->size) c->buffer = realloc(c->buffer, c->size *= 2);
    ssize_t n = recv(c->fd, c->buffer + c->length, c->size - c->length, 0);
    if (n < 0 && errno == EAGAIN) return;
    if (n <= 0) {
        if (!n && c->kind == DRAIN) {
            close(c->fd);
            draining--;
            return;
        }
        die("a connection was lost: %s", n ? strerror(errno) : "end");
    }
    if (c->kind == DRAIN) return;
    c->length += (size_t)n;
    while (c->length) {
        size_t used = c->kind == SOCKET && c->state != HANDSHAKE ? read_frames(c) : read_answer(c);
        memmove(c->buffer, c->buffer + used, c->length - used);
        c->length -= used;
        if (!used) break;
    }
}

/* End the next turn at that time, which may be in the past. */
void wake_at(uint64_t at) {
    struct itimerspec when = {.it_value = {(time_t)(at / 1000000000u), (long)(at % 1000000000u)}};
    timerfd_settime(timer, TFD_TIMER_ABSTIME, &when, NULL);
}

void turn(int milliseconds) {
    struct epoll_event events[512];
    uint64_t expirations;
    int n = epoll_wait(poller, events, 512, milliseconds);
    for (int i = 0; i < n; i++) {
        if (events[i].data.ptr) readable(events[i].data.ptr);
        else if (read(timer, &expirations, sizeof expirations) < 0 && errno != EAGAIN) die("the timer failed");
    }
}
