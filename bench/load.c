/* The load generator: one thread, epoll, so that it is not what is measured.
 *
 *   load http HTTP_PORT SECONDS CONNECTIONS KEY[,KEY...] ROOM
 *       posts to /room/sendMessage as fast as answers come; prints requests per second and their latency.
 *   load room HTTP_PORT SECONDS SENDERS KEY[,KEY...] ROOM WS_PORT SOCKETS
 *       the same with few senders, while SOCKETS WebSockets listen, shared out among the sessions; prints deliveries
 *       per second and their latency, the sender's clock travelling in the text. It checks that each socket hears
 *       every acknowledged message once, as it was sent, in the order of seq, and nothing else.
 *   load drain PORT SECONDS SOCKETS
 *       only reads, for bench/peers/limit.c, until that hangs up.
 *
 * The result is one JSON object on standard output. Anything unexpected ends it with exit code 1; answers other than
 * 200 are counted first, so that one can see whether it was one or all.
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
    const char *key;       /* of the session it speaks for */
    long seq;              /* of the last message heard, or of the room when it was bound */
    uint64_t sent_at;      /* of the request under way */
    size_t length;         /* bytes in the buffer */
    size_t size;
    char *buffer;
};

static int poller;
enum { AT_ONCE = 32, MOST_KEYS = 64, MOST_MESSAGES = 1 << 22 };

static char request_head[512], *keys[MOST_KEYS], room[64], first_refusal[512];
static long requests, deliveries, bound, draining, acknowledged, refused;
static long base = -1, last_acknowledged; /* seq of the room before the first message, and of the latest */
static uint64_t *stamps, heard_bytes, heard_frames; /* what the message base + 1 + i says, by whoever spoke first */
static unsigned char *is_acknowledged;
static int n_keys, measuring, stopping;
static uint32_t *latencies;
static size_t n_latencies, max_latencies = 4 << 20;

_Noreturn static void die(const char *format, ...) {
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

/* One seq is one text, whether an answer or a socket told of it: else an order would pass that nobody sent. */
static size_t agree(long seq, uint64_t stamp) {
    if (seq <= base || seq - base > MOST_MESSAGES) die("seq %ld in a room that was at %ld", seq, base);
    size_t place = (size_t)(seq - base - 1);
    if (stamps[place] && stamps[place] != stamp) die("seq %ld is two different messages", seq);
    stamps[place] = stamp;
    return place;
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
    if (c->fd < 0) die("socket: %s", strerror(errno));
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
        "{\"session_key\":\"%s\",\"message\":{\"room_id\":\"%s\",\"text\":\"t%020llu\"}}", c->key, room,
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
    const char *seq = find(text, length, "\"seq\":"), *stamp = find(text, length, "\"text\":\"t");
    if (c->state == BINDING) {
        if (!find(text, length, "\"ready\"") || !seq) die("not bound: %.*s", (int)length, text);
        /* Nobody speaks until all are bound, so the next thing heard must be the first that is said. */
        c->seq = strtol(seq + 6, NULL, 10);
        if (base >= 0 && c->seq != base) die("bound at seq %ld, others at %ld", c->seq, base);
        base = c->seq;
        c->state = LISTENING;
        bound++;
        return;
    }
    if (!seq || !stamp) die("not a message: %.*s", (int)length, text);
    long number = strtol(seq + 6, NULL, 10);
    uint64_t sent_at = strtoull(stamp + 9, NULL, 10);
    if (number != c->seq + 1) die("heard seq %ld after %ld", number, c->seq);
    agree(number, sent_at);
    c->seq = number;
    if (measuring) deliveries++;
    note_latency(sent_at);
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
        if (frame[1] & 0x80) die("a masked frame from a server");
        if (left < head + length) break;
        switch (frame[0]) { /* whole frames only: the daemon does not fragment */
        case 0x81:
            heard_bytes += measuring ? head + length : 0;
            heard_frames += (uint64_t)measuring;
            heard(c, (char *)frame + head, length);
            break;
        case 0x89:
            send_frame(c, 10, (char *)frame + head, length);
            break;
        case 0x88:
            die("the server closed a socket: %d", length < 2 ? 1005 : frame[head] << 8 | frame[head + 1]);
        default:
            die("a frame that begins with %#x", frame[0]);
        }
        used += head + length;
    }
    return used;
}

static void answered(struct connection *c, long seq) {
    acknowledged++;
    if (measuring) requests++;
    if (base < 0) { /* nobody listens */
        note_latency(c->sent_at);
        return;
    }
    /* In a room the latency is the delivery's. */
    size_t place = agree(seq, c->sent_at);
    if (is_acknowledged[place]++) die("seq %ld was acknowledged twice", seq);
    if (seq > last_acknowledged) last_acknowledged = seq;
}

static size_t read_answer(struct connection *c) {
    char *end = memmem(c->buffer, c->length, "\r\n\r\n", 4);
    if (!end) return 0;
    size_t head = (size_t)(end - c->buffer) + 4;
    if (c->kind == SOCKET) {
        if (memcmp(c->buffer, "HTTP/1.1 101", 12)) die("no upgrade: %.*s", (int)head, c->buffer);
        char init[400];
        int n = snprintf(init, sizeof init, "{\"event\":\"init\",\"data\":{\"session_key\":\"%s\"}}", c->key);
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
    const char *seq = find(c->buffer + head, total - head, "\"seq\":");
    if (memcmp(c->buffer, "HTTP/1.1 200", 12)) {
        if (!refused++) snprintf(first_refusal, sizeof first_refusal, "%.*s", (int)total, c->buffer);
    } else if (!seq) {
        die("an answer without a seq: %.*s", (int)total, c->buffer);
    } else {
        answered(c, strtol(seq + 6, NULL, 10));
    }
    c->sent_at = 0;
    if (!stopping) post(c);
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

/* What was acknowledged must reach every socket, however long its queue is; and nothing more may come. */
static void settle(struct connection **senders, int n_senders, struct connection **listeners, int n_listeners) {
    for (uint64_t patience = now_ns() + 60000000000u;;) {
        int open = 0;
        for (int i = 0; i < n_senders; i++) open += senders[i]->sent_at != 0;
        for (int i = 0; i < n_listeners; i++) open += listeners[i]->seq < last_acknowledged;
        if (!open) break;
        if (now_ns() > patience) die("%d answers or sockets are still behind after 60 s", open);
        turn(10);
    }
    if (refused) die("%ld answers were not 200, %ld were; the first: %s", refused, acknowledged, first_refusal);
    if (!n_listeners) return;
    run(0.3); /* a double may come late */
    for (int i = 0; i < n_listeners; i++)
        if (listeners[i]->seq != last_acknowledged)
            die("a socket heard up to seq %ld, acknowledged was %ld", listeners[i]->seq, last_acknowledged);
    if (acknowledged != last_acknowledged - base)
        die("%ld messages were acknowledged, %ld were heard", acknowledged, last_acknowledged - base);
}

static double own_cpu(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
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
        draining = count;
        for (uint64_t patience = now_ns() + (uint64_t)((seconds + 30) * 1e9); draining;) {
            if (now_ns() > patience) die("%ld sockets were not hung up", draining);
            turn(10);
        }
        printf("{\"load_cores\": %.2f}\n", own_cpu() / seconds);
        return 0;
    }
    if (argc < 7) die("see the head of load.c");
    for (char *each = strtok(argv[5], ","); each; each = strtok(NULL, ",")) {
        if (n_keys == MOST_KEYS) die("more than %d keys", MOST_KEYS);
        keys[n_keys++] = each;
    }
    if (!n_keys) die("no key");
    stamps = calloc(MOST_MESSAGES, sizeof *stamps);
    is_acknowledged = calloc(MOST_MESSAGES, 1);
    snprintf(room, sizeof room, "%s", argv[6]);
    snprintf(request_head, sizeof request_head,
        "POST /room/sendMessage HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n");
    int sockets = argc > 8 ? atoi(argv[8]) : 0;
    struct connection **listeners = calloc((size_t)sockets + 1, sizeof *listeners);
    uint64_t patience = now_ns() + 30000000000u;
    for (int i = 0; i < sockets; i++) {
        listeners[i] = open_connection(SOCKET, atoi(argv[7]));
        listeners[i]->key = keys[i % n_keys];
        const char *upgrade = "GET /ws HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                              "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n";
        write_all(listeners[i], upgrade, strlen(upgrade));
        /* A full listen queue (Twisted's has 50) drops what connects, and the kernel tries again after a second. */
        while (i + 1 - bound >= AT_ONCE || (i + 1 == sockets && bound < sockets)) {
            if (now_ns() > patience) die("%ld of %d sockets were bound in 30 s", bound, sockets);
            turn(10);
        }
    }
    struct connection **senders = calloc((size_t)count, sizeof *senders);
    for (int i = 0; i < count; i++) {
        senders[i] = open_connection(SENDER, port);
        senders[i]->key = keys[i % n_keys];
        post(senders[i]);
    }
    run(1); /* warm up */
    measuring = 1;
    uint64_t began = now_ns();
    double cpu = own_cpu();
    run(seconds);
    double took = (double)(now_ns() - began) / 1e9;
    cpu = own_cpu() - cpu;
    measuring = 0;
    stopping = 1;
    settle(senders, count, listeners, sockets);
    qsort(latencies, n_latencies, sizeof *latencies, compare);
    printf("{\"requests\": %.1f, \"answered\": %ld, \"deliveries\": %.1f, \"frame_bytes\": %.1f, ",
        (double)requests / took, acknowledged, (double)deliveries / took,
        heard_frames ? (double)heard_bytes / (double)heard_frames : 0);
    printf("\"p50_ms\": %.3f, \"p99_ms\": %.3f, \"load_cores\": %.2f}\n", percentile(0.5), percentile(0.99),
        cpu / took);
    return 0;
}
