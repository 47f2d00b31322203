/* The load generator: one thread, epoll, so that it is not what is measured.
 *
 *   load http HOST_PORT SECONDS CONNECTIONS KEY ROOM
 *       posts to /room/sendMessage as fast as answers come; prints requests per second and their latency.
 *   load room HTTP_PORT SECONDS SENDERS KEY ROOM WS_PORT SOCKETS
 *       the same with few senders, while SOCKETS WebSockets listen; checks that each hears every message once,
 *       in the order of seq; prints deliveries per second and their latency.
 *   load drain PORT SECONDS SOCKETS
 *       only reads, for bench/peers/limit.c.
 *
 * The result is one JSON object on standard output. Anything unexpected ends it with exit code 1.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum kind { SENDER, SOCKET, DRAIN };
enum { HANDSHAKE, BINDING, LISTENING };

struct connection {
    enum kind kind;
    int fd, state;
    long seq;              /* of the last message heard */
    uint64_t sent_at;      /* of the request under way */
    size_t length;         /* bytes in the buffer */
    size_t size;
    char *buffer;
};

static int poller;
static char request_head[512], key[256], room[64];
static long requests, deliveries, bound, drained_bytes, last_acknowledged, first_heard;
static int measuring, stopping;
static uint32_t *latencies;
static size_t n_latencies, max_latencies = 4 << 20;

static void die(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    exit(1);
}

static uint64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void note_latency(uint64_t from) {
    if (measuring && n_latencies < max_latencies) latencies[n_latencies++] = (uint32_t)((now_ns() - from) / 1000);
}

static struct connection *open_connection(enum kind kind, int port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    struct connection *c = calloc(1, sizeof *c);
    int one = 1;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    c->kind = kind;
    c->size = 16384;
    c->buffer = malloc(c->size);
    c->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(c->fd, (struct sockaddr *)&address, sizeof address)) die("connect: %s", strerror(errno));
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    fcntl(c->fd, F_SETFL, O_NONBLOCK);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
    epoll_ctl(poller, EPOLL_CTL_ADD, c->fd, &event);
    return c;
}

/* What we write is small and the peer reads: a short write is not expected on loopback. */
static void write_all(struct connection *c, const char *data, size_t length) {
    if (send(c->fd, data, length, MSG_NOSIGNAL) != (ssize_t)length) die("short write: %s", strerror(errno));
}

static void post(struct connection *c) {
    char body[768], request[1400];
    c->sent_at = now_ns();
    int n = snprintf(body, sizeof body,
        "{\"session_key\":\"%s\",\"message\":{\"room_id\":\"%s\",\"text\":\"t%020llu\"}}", key, room,
        (unsigned long long)c->sent_at);
    int m = snprintf(request, sizeof request, "%sContent-Length: %d\r\n\r\n%s", request_head, n, body);
    write_all(c, request, (size_t)m);
}

/* A masked client frame; the mask is zero, which leaves the payload as it is. */
static void send_frame(struct connection *c, int opcode, const char *payload, size_t length) {
    char frame[1024];
    size_t head = length < 126 ? 2 : 4;
    frame[0] = (char)(0x80 | opcode);
    if (length < 126) {
        frame[1] = (char)(0x80 | length);
    } else {
        frame[1] = (char)(0x80 | 126);
        frame[2] = (char)(length >> 8);
        frame[3] = (char)length;
    }
    memset(frame + head, 0, 4);
    memcpy(frame + head + 4, payload, length);
    write_all(c, frame, head + 4 + length);
}

/* The text of a frame is not terminated: look no further than its end. */
static const char *find(const char *text, size_t length, const char *what) {
    return memmem(text, length, what, strlen(what));
}

static void heard(struct connection *c, const char *text, size_t length) {
    if (c->state == BINDING) {
        if (!find(text, length, "\"ready\"")) die("not bound: %.*s", (int)length, text);
        c->state = LISTENING;
        bound++;
        return;
    }
    const char *seq = find(text, length, "\"seq\":"), *stamp = find(text, length, "\"text\":\"t");
    if (!seq || !stamp) die("not a message: %.*s", (int)length, text);
    long number = strtol(seq + 6, NULL, 10);
    if (c->seq && number != c->seq + 1) die("heard seq %ld after %ld", number, c->seq);
    if (!c->seq && first_heard && number != first_heard) die("first heard seq %ld, others %ld", number, first_heard);
    if (!c->seq) first_heard = number;
    c->seq = number;
    if (measuring) deliveries++;
    note_latency(strtoull(stamp + 9, NULL, 10));
}

/* Consume whole frames; returns how many bytes of the buffer were used. */
static size_t read_frames(struct connection *c) {
    size_t used = 0;
    while (c->length - used >= 2) {
        unsigned char *frame = (unsigned char *)c->buffer + used;
        size_t left = c->length - used, head = 2, length = frame[1] & 0x7f;
        if (length == 126) {
            if (left < 4) break;
            length = (size_t)frame[2] << 8 | frame[3];
            head = 4;
        } else if (length == 127) {
            if (left < 10) break;
            length = 0;
            for (int i = 2; i < 10; i++) length = length << 8 | frame[i];
            head = 10;
        }
        if (left < head + length) break;
        int opcode = frame[0] & 0x0f;
        if (opcode == 1) heard(c, (char *)frame + head, length);
        else if (opcode == 9) send_frame(c, 10, (char *)frame + head, length);
        else if (opcode == 8) die("the server closed a socket: %d", frame[head] << 8 | frame[head + 1]);
        used += head + length;
    }
    return used;
}

static size_t read_answer(struct connection *c) {
    char *end = memmem(c->buffer, c->length, "\r\n\r\n", 4);
    if (!end) return 0;
    size_t head = (size_t)(end - c->buffer) + 4;
    if (c->kind == SOCKET) {
        if (memcmp(c->buffer, "HTTP/1.1 101", 12)) die("no upgrade: %.*s", (int)head, c->buffer);
        char init[400];
        int n = snprintf(init, sizeof init, "{\"event\":\"init\",\"data\":{\"session_key\":\"%s\"}}", key);
        c->state = BINDING;
        send_frame(c, 1, init, (size_t)n);
        return head;
    }
    *end = 0;
    char *length = strcasestr(c->buffer, "content-length:");
    if (!length) die("an answer without a length");
    size_t total = head + strtoul(length + 15, NULL, 10);
    *end = '\r';
    if (c->length < total) return 0;
    if (memcmp(c->buffer, "HTTP/1.1 200", 12)) die("refused: %.*s", (int)total, c->buffer);
    const char *seq = find(c->buffer + head, total - head, "\"seq\":");
    if (seq && strtol(seq + 6, NULL, 10) > last_acknowledged) last_acknowledged = strtol(seq + 6, NULL, 10);
    if (measuring) requests++;
    note_latency(bound ? now_ns() : c->sent_at);
    if (bound && n_latencies) n_latencies--; /* in a room the latency is the delivery's */
    c->sent_at = 0;
    if (!stopping) post(c);
    return total;
}

static void readable(struct connection *c) {
    if (c->length == c->size) c->buffer = realloc(c->buffer, c->size *= 2);
    ssize_t n = recv(c->fd, c->buffer + c->length, c->size - c->length, 0);
    if (n < 0 && errno == EAGAIN) return;
    if (n <= 0) {
        if (stopping && c->kind == DRAIN) {
            close(c->fd);
            return;
        }
        die("a connection was lost: %s", n ? strerror(errno) : "end");
    }
    if (c->kind == DRAIN) {
        drained_bytes += n;
        return;
    }
    c->length += (size_t)n;
    for (;;) {
        size_t used = c->kind == SOCKET && c->state != HANDSHAKE ? read_frames(c) : read_answer(c);
        memmove(c->buffer, c->buffer + used, c->length - used);
        c->length -= used;
        if (!used || !c->length) break;
    }
}

static void turn(int milliseconds) {
    struct epoll_event events[512];
    int n = epoll_wait(poller, events, 512, milliseconds);
    for (int i = 0; i < n; i++) readable(events[i].data.ptr);
}

static void run(double seconds) {
    uint64_t end = now_ns() + (uint64_t)(seconds * 1e9);
    while (now_ns() < end) turn(10);
}

static int compare(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

static double percentile(double part) {
    return n_latencies ? latencies[(size_t)((double)(n_latencies - 1) * part)] / 1000.0 : 0;
}

int main(int argc, char **argv) {
    if (argc < 5) die("see the head of load.c");
    int port = atoi(argv[2]), count = atoi(argv[4]);
    double seconds = atof(argv[3]);
    struct rlimit files = {1 << 16, 1 << 16};
    setrlimit(RLIMIT_NOFILE, &files);
    poller = epoll_create1(0);
    latencies = malloc(max_latencies * sizeof *latencies);
    if (!strcmp(argv[1], "drain")) {
        for (int i = 0; i < count; i++) open_connection(DRAIN, port);
        stopping = 1;
        run(seconds);
        printf("{\"bytes\": %ld}\n", drained_bytes);
        return 0;
    }
    if (argc < 7) die("see the head of load.c");
    snprintf(key, sizeof key, "%s", argv[5]);
    snprintf(room, sizeof room, "%s", argv[6]);
    snprintf(request_head, sizeof request_head,
        "POST /room/sendMessage HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n");
    int sockets = argc > 8 ? atoi(argv[8]) : 0;
    struct connection **listeners = calloc((size_t)sockets + 1, sizeof *listeners);
    for (int i = 0; i < sockets; i++) {
        listeners[i] = open_connection(SOCKET, atoi(argv[7]));
        const char *upgrade = "GET /ws HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                              "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n";
        write_all(listeners[i], upgrade, strlen(upgrade));
        turn(0);
    }
    for (uint64_t patience = now_ns() + 30000000000u; bound < sockets;) {
        if (now_ns() > patience) die("%ld of %d sockets were bound in 30 s", bound, sockets);
        turn(10);
    }
    struct connection **senders = calloc((size_t)count, sizeof *senders);
    for (int i = 0; i < count; i++) post(senders[i] = open_connection(SENDER, port));
    run(1); /* warm up */
    measuring = 1;
    uint64_t began = now_ns();
    run(seconds);
    double took = (double)(now_ns() - began) / 1e9;
    measuring = 0;
    stopping = 1;
    /* What was acknowledged must reach every socket, however long its queue is. */
    for (uint64_t patience = now_ns() + 60000000000u;;) {
        int open = 0;
        for (int i = 0; i < count; i++) open += senders[i]->sent_at != 0;
        for (int i = 0; i < sockets; i++) open += listeners[i]->seq < last_acknowledged;
        if (!open) break;
        if (now_ns() > patience) die("%d answers or sockets are still behind after 60 s", open);
        turn(10);
    }
    qsort(latencies, n_latencies, sizeof *latencies, compare);
    printf("{\"requests\": %.1f, \"deliveries\": %.1f, \"p50_ms\": %.3f, \"p99_ms\": %.3f}\n", (double)requests / took,
        (double)deliveries / took, percentile(0.5), percentile(0.99));
    return 0;
}
