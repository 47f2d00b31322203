/* What the parts of the load generator share: one thread, one epoll, so that it is not what is measured. */
#pragma once
#define _GNU_SOURCE
#include <stddef.h>
#include <stdint.h>

enum kind { SENDER, SOCKET, DRAIN };
enum state { HANDSHAKE, OPENING, BINDING, LISTENING };

/* One message, in the answer and in the events. */
struct message {
    uint64_t stamp;             /* the sender's clock, which travels in the text */
    uint64_t first, half, last; /* when the first, the middle and the last socket received it */
    uint32_t received;
    unsigned char acknowledged;
};

/* Sockets that receive the same events: those in one room, or of one user. */
struct group {
    long base;                         /* the number before the first message, from ready; -1 at first */
    long last_acknowledged, acknowledged;
    uint32_t listeners;
    struct message *messages;
    size_t size;
};

/* A request that is sent repeatedly; the clock is written at `stamp`. */
struct request {
    struct group *group;
    char *bytes;
    size_t length, stamp;              /* stamp 0: the request has none */
    int port;
};

struct connection {
    enum kind kind;
    enum state state;
    int fd;
    struct group *group;
    const char *key, *field;           /* a socket's: the session it speaks for, and what its messages are numbered by */
    struct request *request;           /* a sender's */
    uint64_t sent_at;                  /* of the request under way, or 0 */
    long received;                        /* number of the last message received */
    size_t length, size;               /* of the buffer */
    char *buffer;
};

/* net.c: connections, and the answers of HTTP */
extern long draining;
_Noreturn void die(const char *format, ...);
uint64_t now_ns(void);
void open_net(void);
struct connection *open_connection(enum kind kind, int port);
void write_all(struct connection *c, const char *data, size_t length);
void post(struct connection *c, uint64_t at);
void wake_at(uint64_t at);
void turn(int milliseconds);
const char *find(const char *text, size_t length, const char *what);

/* socket.c: WebSockets, plain ones and Socket.IO's */
extern int socket_io;
extern long bound;
void ask_for_upgrade(struct connection *c);
void upgraded(struct connection *c);
size_t read_frames(struct connection *c);

/* counting.c: checks and counts events and answers */
extern int measuring, unordered;
extern long requests, acknowledged, deliveries, delivered, refused;
extern uint64_t received_bytes;
void bound_at(struct connection *c, const char *text, size_t length);
void received(struct connection *c, const char *text, size_t length);
void answered(struct connection *c, const char *body, size_t length);
void note_refusal(const char *text, size_t length);
const char *first_refusal(void);
void print_result(double seconds, double cpu_seconds, double behind_seconds);

/* plan.c: who listens and what is sent, read from standard input */
extern struct group *groups[];
extern struct connection **listeners;
extern struct request **posts;
extern size_t n_groups, n_listeners, n_posts;
void read_plan(int http_port, int ws_port);
