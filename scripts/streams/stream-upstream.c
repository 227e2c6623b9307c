/* A provider that streams: OpenAI-shaped server-sent events on a clock, each with its number and the time it was sent.
 *
 * Usage: stream-upstream PORT. One thread. The request line says what is wanted: `?events=64&gap_us=20000`; event k is
 * sent k gaps after the request was read, never earlier, and a late one does not delay those after it. The last event
 * carries the usage and is followed by [DONE]. Answers any method and path, and keeps connections open.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum { REQUEST_BYTES = 65536, EVENT_BYTES = 1024, BATCH = 256 };

static const char HEAD[] =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\nTransfer-Encoding: chunked\r\n\r\n";
static const char TAIL[] = "e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n";

typedef struct Connection {
    int fd, events, sent_events, streaming;
    int64_t gap_ns, due_ns;
    struct Connection *next, *previous;
    size_t have, pending, pending_from;
    char request[REQUEST_BYTES + 1];
    char out[EVENT_BYTES];
} Connection;

/* Streams in the order of when their next event is due. */
static Connection *first_due, *last_due;

static int64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void unqueue(Connection *c) {
    if (c->previous) c->previous->next = c->next;
    else if (first_due == c) first_due = c->next;
    if (c->next) c->next->previous = c->previous;
    else if (last_due == c) last_due = c->previous;
    c->next = c->previous = NULL;
}

static void queue(Connection *c) {
    Connection *before = last_due;
    while (before && before->due_ns > c->due_ns) before = before->previous;
    c->previous = before;
    c->next = before ? before->next : first_due;
    if (c->next) c->next->previous = c;
    else last_due = c;
    if (before) before->next = c;
    else first_due = c;
}

static void end(Connection *c) {
    unqueue(c);
    close(c->fd);
    free(c);
}

/* Sends what is pending; 0 when the connection is gone. */
static int flush(Connection *c) {
    while (c->pending) {
        ssize_t n = send(c->fd, c->out + c->pending_from, c->pending, MSG_NOSIGNAL);
        if (n < 0) return errno == EAGAIN;
        c->pending_from += n;
        c->pending -= n;
    }
    return 1;
}

static int number(const char *line, const char *name, int otherwise) {
    const char *at = strstr(line, name);
    return at ? atoi(at + strlen(name)) : otherwise;
}

/* The bytes of a whole request at the start of the buffer, 0 while it is not whole. */
static size_t whole_request(Connection *c) {
    c->request[c->have] = 0;
    char *body = strstr(c->request, "\r\n\r\n");
    if (!body) return 0;
    size_t head = body + 4 - c->request;
    char *length = strcasestr(c->request, "\r\ncontent-length:");
    if (length && length < body) {
        size_t all = head + strtoul(length + 17, NULL, 10);
        return c->have >= all ? all : 0;
    }
    char *coding = strcasestr(c->request, "\r\ntransfer-encoding:");
    if (!coding || coding > body) return head;
    char *end_of_chunks = strstr(body + 2, "\r\n0\r\n\r\n");
    return end_of_chunks ? (size_t)(end_of_chunks + 7 - c->request) : 0;
}

static void begin(Connection *c) {
    size_t all = whole_request(c);
    if (!all || c->streaming) return;
    char *line_end = strstr(c->request, "\r\n");
    *line_end = 0;
    c->events = number(c->request, "events=", 64);
    c->gap_ns = number(c->request, "gap_us=", 20000) * 1000LL;
    c->sent_events = 0;
    c->streaming = 1;
    memmove(c->request, c->request + all, c->have - all);
    c->have -= all;
    c->due_ns = now_ns();
    queue(c);
}

static int write_event(Connection *c) {
    char event[EVENT_BYTES / 2];
    int k = c->sent_events++, last = c->sent_events == c->events;
    int n = snprintf(event, sizeof event,
        "data: {\"id\":\"chatcmpl-bench\",\"object\":\"chat.completion.chunk\",\"created\":1750000000,"
        "\"model\":\"gpt-4o-mini\",\"seq\":%d,\"sent_ns\":%lld,", k, (long long)now_ns());
    if (last)
        n += snprintf(event + n, sizeof event - n,
            "\"choices\":[],\"usage\":{\"prompt_tokens\":11,\"completion_tokens\":%d,\"total_tokens\":%d}}\n\n", k, k + 11);
    else
        n += snprintf(event + n, sizeof event - n,
            "\"choices\":[{\"index\":0,\"delta\":{\"content\":\"token %d \"},\"finish_reason\":null}]}\n\n", k);
    c->pending_from = 0;
    c->pending = snprintf(c->out, sizeof c->out, "%s%x\r\n%s\r\n%s", k ? "" : HEAD, n, event, last ? TAIL : "");
    return flush(c);
}

/* One event of each stream that is due now. */
static void send_due(void) {
    int64_t now = now_ns();
    while (first_due && first_due->due_ns <= now) {
        Connection *c = first_due;
        unqueue(c);
        if (!c->pending && !write_event(c)) {
            end(c);
            continue;
        }
        if (c->sent_events == c->events) {
            c->streaming = 0;
            begin(c);
        } else {
            c->due_ns = c->gap_ns ? c->due_ns + c->gap_ns : now + 1;
            queue(c);
        }
    }
}

static void readable(Connection *c) {
    for (;;) {
        ssize_t n = recv(c->fd, c->request + c->have, REQUEST_BYTES - c->have, 0);
        if (n < 0 && errno == EAGAIN) break;
        if (n <= 0) return end(c);
        c->have += n;
    }
    begin(c);
}

int main(int count, char **arguments) {
    if (count != 2) return 2;
    signal(SIGPIPE, SIG_IGN);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), one = 1;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_port = htons(atoi(arguments[1])),
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (bind(listener, (struct sockaddr *)&here, sizeof here) || listen(listener, 1024)) return perror("listen"), 1;
    int poll = epoll_create1(0), timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    struct epoll_event ask = {.events = EPOLLIN, .data.ptr = &listener};
    epoll_ctl(poll, EPOLL_CTL_ADD, listener, &ask);
    ask.data.ptr = &timer;
    epoll_ctl(poll, EPOLL_CTL_ADD, timer, &ask);
    struct epoll_event ready[BATCH];
    for (;;) {
        int wait = -1;
        if (first_due) {
            int64_t due = first_due->due_ns;
            struct itimerspec at = {.it_value = {due / 1000000000, due % 1000000000}};
            if (due <= now_ns()) wait = 0;
            else timerfd_settime(timer, TFD_TIMER_ABSTIME, &at, NULL);
        }
        int n = epoll_wait(poll, ready, BATCH, wait);
        for (int i = 0; i < n; i++) {
            if (ready[i].data.ptr == &timer) {
                uint64_t fired;
                if (read(timer, &fired, sizeof fired) < 0) continue;
            } else if (ready[i].data.ptr == &listener) {
                int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
                if (fd < 0) continue;
                setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
                Connection *c = calloc(1, sizeof *c);
                if (!c) return 1;
                c->fd = fd;
                struct epoll_event edges = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = c};
                epoll_ctl(poll, EPOLL_CTL_ADD, fd, &edges);
            } else {
                Connection *c = ready[i].data.ptr;
                if (!flush(c)) end(c);
                else if (ready[i].events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) readable(c);
            }
        }
        send_due();
    }
}
