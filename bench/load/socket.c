/* WebSockets: the daemon's own, and Socket.IO's over the same frames (Engine.IO 4). */
#include "load.h"
#include <stdio.h>
#include <string.h>

int socket_io;
long bound;

void ask_for_upgrade(struct connection *c) {
    char request[512];
    int n = snprintf(request, sizeof request,
        "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n",
        socket_io ? "/socket.io/?EIO=4&transport=websocket" : "/ws");
    write_all(c, request, (size_t)n);
}

/* A masked client frame; the mask is zero, which leaves the payload as it is. */
static void send_frame(struct connection *c, int opcode, const char *payload, size_t length) {
    char frame[1024];
    size_t head = length < 126 ? 2 : 4;
    if (length > sizeof frame - 8) die("a frame of %zu bytes to send", length);
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

static void bind(struct connection *c) {
    char init[400];
    int n = snprintf(init, sizeof init,
        socket_io ? "42[\"init\",{\"session_key\":\"%s\"}]" : "{\"event\":\"init\",\"data\":{\"session_key\":\"%s\"}}",
        c->key);
    c->state = BINDING;
    send_frame(c, 1, init, (size_t)n);
}

void upgraded(struct connection *c) {
    if (socket_io) c->state = OPENING;
    else bind(c);
}

/* Socket.IO packets other than events: the opening, the connection to the namespace, a ping. */
static int handled(struct connection *c, const char *text, size_t length) {
    if (!socket_io || (length > 2 && !memcmp(text, "42", 2))) return 0;
    if (*text == '0') send_frame(c, 1, "40", 2);
    else if (*text == '2') send_frame(c, 1, "3", 1);
    else if (length > 1 && !memcmp(text, "40", 2) && c->state == OPENING) bind(c);
    else die("a packet of Socket.IO: %.*s", (int)length, text);
    return 1;
}

static void event(struct connection *c, const char *text, size_t length) {
    if (c->state != BINDING) {
        received(c, text, length);
        return;
    }
    if (!find(text, length, "\"ready\"")) die("not bound: %.*s", (int)length, text);
    bound_at(c, text, length);
    c->state = LISTENING;
    bound++;
}

/* Consume whole frames; returns how many bytes of the buffer were used. */
size_t read_frames(struct connection *c) {
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
        switch (frame[0]) { /* whole frames only: nobody here fragments */
        case 0x81:
            received_bytes += measuring ? head + length : 0;
            if (!handled(c, (char *)frame + head, length)) event(c, (char *)frame + head, length);
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
