"""Every metric (docs/operating.rst, "Metrics"). What counts it imports it from here.

A label has few values, which are ours: a path is that of a declared call, never what a client wrote.
"""

from justchat.metrics.kinds import Counter, Gauge, Histogram, Label, Metric

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
"""Buckets of what takes a while."""
TURNS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0)
"""Buckets of what should be over within milliseconds."""

_PATH = Label("path", 300)
_STATUS = Label("status", 24)
_PROTOCOL = Label("protocol", ("websocket", "socketio"))
_CODE = Label("code", 24)
_QUEUE = Label("queue", 32)
_LOG = Label("log", ("rooms", "mailboxes"))
_RATE = Label("rate", 64)
_SENDER = Label("sender", 16)
_COINS = Label("reason", ("payment", "free coins", "gift", "correction"))
_COMMAND = Label("command", 24)
_WEBHOOK = Label("webhook", 32)

# Calls
CALLS = Counter(
    "justchat_calls_total",
    "Calls that were answered, by the path of their declaration.",
    (_PATH, _STATUS),
)
CALL_SECONDS = Histogram(
    "justchat_call_duration_seconds",
    "Time from a whole call to its answer.",
    (_PATH,),
    unit="seconds",
    buckets=SECONDS,
)
CALLS_PENDING = Gauge("justchat_calls_pending", "Calls that have begun and are not answered.")
FAILURES = Counter(
    "justchat_call_failures_total",
    "Calls that were answered with 5xx, by status. Also counted where nobody scrapes.",
    (_STATUS,),
)
RATE_REFUSALS = Counter(
    "justchat_rate_refusals_total",
    "Calls, sockets and frames that a limit refused, by the limit's name in the answer.",
    (_RATE,),
)

# Sockets
SOCKETS = Gauge("justchat_sockets", "Sockets that are open.", (_PROTOCOL,))
SOCKETS_OPENED = Counter("justchat_sockets_opened_total", "Sockets that were opened.", (_PROTOCOL,))
SOCKETS_CLOSED = Counter(
    "justchat_sockets_closed_total",
    "Sockets that were closed, by close code; 1006 is a connection that broke.",
    (_PROTOCOL, _CODE),
)
USERS_CONNECTED = Gauge("justchat_users_connected", "Users with a socket, of each worker; one with two counts twice.")
DELIVERIES = Counter("justchat_deliveries_total", "Events that were sent to sockets, once for each socket.")
REPLAYS = Counter(
    "justchat_replays_total",
    "Resumes of sockets, by how they ended: recovered (all that was missed is sent), not_recovered (the client reads"
    " its state anew), left (the client left before the end), failed.",
    (Label("outcome", ("recovered", "not_recovered", "left", "failed")),),
)

# Queues
QUEUE_LENGTH = Gauge("justchat_queue_length", "What waits in a queue.", (_QUEUE,), merging="worker")
QUEUE_BOUND = Gauge("justchat_queue_bound", "What a queue holds at most.", (_QUEUE,), merging="worker")

# The log
LOG_BATCHES = Counter("justchat_log_batches_total", "Batches that were committed.", (_LOG,))
LOG_ENTRIES = Counter("justchat_log_entries_total", "Entries in these batches.", (_LOG,))
LOG_SECONDS = Histogram(
    "justchat_log_batch_duration_seconds",
    "Time from the start of a batch to its outcome in the database.",
    (_LOG,),
    unit="seconds",
    buckets=SECONDS,
)
LOG_REFUSALS = Counter(
    "justchat_log_refusals_total",
    "Proposals that were not stored: by a rule of the room or user, since another daemon took the place (seq; they are"
    " proposed again), or since the log has the entry already (id).",
    (_LOG, Label("reason", ("rule", "seq", "id"))),
)
LOG_DOUBTS = Counter(
    "justchat_log_doubts_total",
    "Entries whose outcome was unknown for a while, by what became of it: settled, or left open by a stop.",
    (_LOG, Label("outcome", ("settled", "left"))),
)
LOG_IN_DOUBT = Gauge("justchat_log_in_doubt", "Entries whose outcome is unknown at present.", (_LOG,))

# People
SIGN_INS = Counter(
    "justchat_sign_ins_total",
    "Sessions that were opened, by the way: a key by SMS, a token of an issuer, an app's own server.",
    (Label("by", ("phone", "token", "server")),),
)
WRONG_KEYS = Counter(
    "justchat_wrong_keys_total",
    "Wrong secrets: keys by SMS, tokens of issuers, keys of servers, passwords of rooms.",
    (Label("kind", ("phone", "token", "server", "room")),),
)
SMS = Counter(
    "justchat_sms_total",
    "Attempts to send an SMS, by sender of the settings and outcome (docs/sms.rst).",
    (_SENDER, Label("outcome", 16)),
)
SMS_CHAIN = Counter(
    "justchat_sms_chain_total",
    "SMS by who took them: the first sender that serves the phone, a later one, none.",
    (Label("taker", ("first", "later", "none")),),
)
SMS_REPORTS = Counter(
    "justchat_sms_reports_total",
    "Delivery reports that providers made, by sender of the settings and outcome.",
    (_SENDER, Label("outcome", 4)),
)
COINS_IN = Counter("justchat_coins_in_total", "Coins that users received, by reason in the ledger.", (_COINS,))
COINS_OUT = Counter("justchat_coins_out_total", "Coins that users paid, by reason in the ledger.", (_COINS,))

# An app's own server
WEBHOOK_DELIVERIES = Counter(
    "justchat_webhook_deliveries_total",
    "Deliveries to webhooks, by server and outcome: delivered, failed (a try, which is repeated), dead (given up after"
    " three days), lost (too many waited).",
    (_WEBHOOK, Label("outcome", 5)),
)
WEBHOOK_KEPT = Gauge(
    "justchat_webhook_kept",
    "Deliveries that are kept for a webhook: waiting in the database, memory (those of them that are there), dead. The"
    " daemon that sends tells; it counts once in half a minute.",
    (_WEBHOOK, Label("place", 4)),
)
WEBHOOK_BOUND = Gauge(
    "justchat_webhook_kept_bound",
    "How many are kept at most for one webhook.",
    (Label("place", ("waiting", "memory", "dead")),),
    merging="max",
)
WEBHOOK_DELAY = Gauge(
    "justchat_webhook_delay_seconds",
    "Age of the oldest delivery that waits, 0 where none does.",
    (_WEBHOOK,),
    unit="seconds",
)
BEFORE_MESSAGE = Counter(
    "justchat_before_message_total",
    "Texts that [hooks.before_message] decides, by what it said, or why it said nothing; unasked are those that come"
    " while its breaker is open.",
    (Label("outcome", ("allowed", "rejected", "rewritten", "timed_out", "failed", "unasked")),),
)
BEFORE_MESSAGE_SECONDS = Histogram(
    "justchat_before_message_duration_seconds",
    "Time that the hook took for an answer, or for none.",
    unit="seconds",
    buckets=SECONDS,
)
BEFORE_MESSAGE_OPEN = Gauge(
    "justchat_before_message_open", "1 while its breaker is open: on_failure decides.", merging="worker"
)

# The database
DATABASE_SECONDS = Histogram(
    "justchat_database_duration_seconds",
    "Time of an operation that the database answered, by command; its count is that of the operations.",
    (_COMMAND,),
    unit="seconds",
    buckets=SECONDS,
)
DATABASE_ERRORS = Counter(
    "justchat_database_errors_total",
    "Operations without an answer, as the database was away or too slow (away), and with an error (error).",
    (Label("reason", ("away", "error")),),
)
DATABASE_BYTES = Gauge(
    "justchat_database_size_bytes",
    "Bytes on the disk of the database, as it told within the last minute.",
    unit="bytes",
    merging="max",
)

RETENTION_DELETED = Counter(
    "justchat_retention_deleted_total",
    "What [retention] has deleted, by its setting.",
    (Label("what", ("messages", "direct_messages", "uploads", "audit")),),
)
BACKUP_TIME = Gauge(
    "justchat_backup_time_seconds",
    "When the last backup by justchat-admin began that succeeded, in Unix time, as the database told within the last"
    " minute; 0 before the first.",
    unit="seconds",
    merging="max",
)
BACKUP_BYTES = Gauge("justchat_backup_size_bytes", "Bytes of its file.", unit="bytes", merging="max")

# Several daemons
BUS_UP = Gauge("justchat_bus_up", "1 while the bus is there, 0 while it is away.", merging="worker")
BUS_PACKETS = Counter(
    "justchat_bus_packets_total",
    "Packets of the bus: sent, received, dropped while it was away, ignored as of another release.",
    (Label("what", ("sent", "received", "dropped", "ignored")),),
)
BUS_LAG = Gauge(
    "justchat_bus_lag_seconds",
    "Time that the bus took to confirm the last packet or ping.",
    unit="seconds",
    merging="worker",
)
WORKERS = Gauge("justchat_workers", "Worker processes that the settings ask for.", merging="max")
WORKER_UP = Gauge(
    "justchat_worker_up", "1 for a worker that has answered this scrape, else 0.", (Label("worker", 1024),)
)
WORKER_RESTARTS = Counter("justchat_worker_restarts_total", "Workers that were started again since they ended.")

# The process; worker 0 is twistd's
REACTOR_TURNS = Histogram(
    "justchat_reactor_turn_duration_seconds",
    "Time between two polls of the reactor, in which nobody else is served.",
    unit="seconds",
    merging="worker",
    buckets=TURNS,
)
GC_PASSES = Counter(
    "justchat_gc_passes_total",
    "Passes of Python's garbage collector.",
    (Label("generation", ("0", "1", "2")),),
    merging="worker",
)
GC_SECONDS = Counter("justchat_gc_seconds_total", "Time that they took.", unit="seconds", merging="worker")
CPU_SECONDS = Counter(
    "justchat_cpu_seconds_total", "Processor time that the process has used.", unit="seconds", merging="worker"
)
MEMORY_BYTES = Gauge("justchat_memory_bytes", "Memory of the process (RSS).", unit="bytes", merging="worker")
OPEN_FILES = Gauge("justchat_open_files", "Descriptors that the process has open.", merging="worker")
OPEN_FILES_BOUND = Gauge("justchat_open_files_bound", "Descriptors that it may have open.", merging="worker")
START_SECONDS = Gauge(
    "justchat_start_time_seconds", "When the process began, in Unix time.", unit="seconds", merging="worker"
)
DISK_FREE = Gauge(
    "justchat_disk_free_bytes", "Free bytes of the disk with the data directory.", unit="bytes", merging="max"
)
DISK_SIZE = Gauge("justchat_disk_size_bytes", "Bytes of that disk.", unit="bytes", merging="max")
BUILD = Gauge(
    "justchat_build_info",
    "1, with what runs.",
    (Label("version", 4), Label("python", 4), Label("twisted", 4)),
    merging="max",
)

DECLARED = {metric.name: metric for metric in tuple(globals().values()) if isinstance(metric, Metric)}
"""All of them, by name, in this order."""
