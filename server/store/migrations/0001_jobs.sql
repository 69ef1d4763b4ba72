-- The queue, its history, its bytes and its outbox. Wall times end in _at (milliseconds since the epoch) and are
-- records; `waiting_since`, `due` and `last_start` are steady time (queue/steady.ts), which never goes back.

CREATE TABLE affinity (
  id INTEGER PRIMARY KEY,
  key TEXT NOT NULL UNIQUE,
  model TEXT NOT NULL,
  last_start INTEGER
) STRICT;

CREATE TABLE job (
  -- The sequence of its first event: creation order, also the cursor of lists.
  seq INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE CHECK (id GLOB 'job_?*'),
  state TEXT NOT NULL CHECK (state IN ('queued', 'loading', 'working', 'done', 'failed', 'canceled')),
  -- The sequence of its latest event.
  sequence INTEGER NOT NULL,
  -- Order of running within its key; a retry by the caller takes a new place.
  place INTEGER NOT NULL,
  affinity INTEGER NOT NULL REFERENCES affinity (id),
  endpoint TEXT NOT NULL,
  model TEXT NOT NULL,
  body INTEGER NOT NULL,
  body_bytes INTEGER NOT NULL CHECK (body_bytes >= 2),
  -- Whether the request asks for JSON, so that the text of the answer becomes output.json.
  json_output INTEGER NOT NULL CHECK (json_output IN (0, 1)),
  labels TEXT NOT NULL CHECK (json_valid(labels)),
  webhook TEXT CHECK (webhook IS NULL OR json_valid(webhook)),
  deliver TEXT CHECK (deliver IS NULL OR json_valid(deliver)),
  trace TEXT CHECK (trace IS NULL OR json_valid(trace)),
  idempotency_key TEXT,
  idempotency_hash BLOB,
  created_at INTEGER NOT NULL,
  queued_at INTEGER NOT NULL,
  loading_at INTEGER,
  working_at INTEGER,
  finished_at INTEGER,
  waiting_since INTEGER NOT NULL,
  -- Steady time before which a backed-off job is not waiting.
  due INTEGER CHECK (due IS NULL OR state = 'queued'),
  start_by INTEGER,
  timeout_s INTEGER NOT NULL CHECK (timeout_s > 0),
  attempt INTEGER NOT NULL CHECK (attempt >= 0 AND attempt <= max_attempts),
  max_attempts INTEGER NOT NULL CHECK (max_attempts BETWEEN 1 AND 10),
  interruptions INTEGER NOT NULL CHECK (interruptions >= 0),
  free_requeues INTEGER NOT NULL CHECK (free_requeues >= 0),
  error TEXT CHECK (error IS NULL OR json_valid(error)),
  usage TEXT CHECK (usage IS NULL OR json_valid(usage)),
  CHECK ((finished_at IS NOT NULL) = (state IN ('done', 'failed', 'canceled'))),
  CHECK ((error IS NOT NULL) = (state = 'failed')),
  CHECK (usage IS NULL OR state = 'done'),
  CHECK ((loading_at IS NOT NULL) OR (state NOT IN ('loading', 'working', 'done'))),
  CHECK ((working_at IS NOT NULL) OR (state NOT IN ('working', 'done'))),
  CHECK ((idempotency_key IS NULL) = (idempotency_hash IS NULL))
) STRICT;

-- The two that a claim reads: oldest of one key, oldest of all. Both cover their query, for which SQLite wants `due`
-- itself in them although it is always NULL there.
CREATE INDEX job_waiting_by_key ON job (affinity, place, waiting_since, due) WHERE state = 'queued' AND due IS NULL;
CREATE INDEX job_waiting ON job (place, waiting_since, due) WHERE state = 'queued' AND due IS NULL;

CREATE INDEX job_backing_off ON job (due) WHERE due IS NOT NULL;
CREATE INDEX job_start_by ON job (start_by) WHERE state = 'queued' AND start_by IS NOT NULL;
CREATE INDEX job_running ON job (state) WHERE state IN ('loading', 'working');
CREATE INDEX job_finished ON job (finished_at) WHERE finished_at IS NOT NULL;
CREATE UNIQUE INDEX job_idempotency ON job (idempotency_key) WHERE idempotency_key IS NOT NULL;

-- Counts by key and state, kept by the triggers below; `backing_off` is counted apart from `queued`.
CREATE TABLE tally (
  affinity INTEGER NOT NULL REFERENCES affinity (id),
  bucket TEXT NOT NULL,
  n INTEGER NOT NULL CHECK (n >= 0),
  PRIMARY KEY (affinity, bucket)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER tally_insert AFTER INSERT ON job BEGIN
  INSERT INTO tally VALUES (NEW.affinity, iif(NEW.due IS NULL, NEW.state, 'backing_off'), 1)
    ON CONFLICT DO UPDATE SET n = n + 1;
END;

CREATE TRIGGER tally_update AFTER UPDATE OF state, due ON job
WHEN OLD.state <> NEW.state OR (OLD.due IS NULL) <> (NEW.due IS NULL) BEGIN
  UPDATE tally SET n = n - 1 WHERE affinity = OLD.affinity AND bucket = iif(OLD.due IS NULL, OLD.state, 'backing_off');
  INSERT INTO tally VALUES (NEW.affinity, iif(NEW.due IS NULL, NEW.state, 'backing_off'), 1)
    ON CONFLICT DO UPDATE SET n = n + 1;
END;

CREATE TRIGGER tally_delete AFTER DELETE ON job BEGIN
  UPDATE tally SET n = n - 1 WHERE affinity = OLD.affinity AND bucket = iif(OLD.due IS NULL, OLD.state, 'backing_off');
END;

-- Bytes: request bodies and artifacts in rows of at most 256 KiB, away from the rows that lists read.
CREATE TABLE chunk (
  blob INTEGER NOT NULL,
  n INTEGER NOT NULL,
  bytes BLOB NOT NULL CHECK (length(bytes) <= 262144),
  PRIMARY KEY (blob, n)
) STRICT;

-- Blobs that no row refers to: being written, or being erased step by step. Swept at start.
CREATE TABLE loose (blob INTEGER PRIMARY KEY) STRICT;

CREATE TABLE artifact (
  job INTEGER NOT NULL REFERENCES job (seq) ON DELETE CASCADE,
  name TEXT NOT NULL,
  content_type TEXT NOT NULL,
  size_bytes INTEGER NOT NULL,
  sha256 TEXT NOT NULL CHECK (length(sha256) = 64),
  blob INTEGER NOT NULL,
  partial INTEGER NOT NULL CHECK (partial IN (0, 1)),
  PRIMARY KEY (job, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE event (
  -- The global sequence. AUTOINCREMENT: a number is never given twice, even after an erased job.
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  job INTEGER NOT NULL REFERENCES job (seq) ON DELETE CASCADE,
  state TEXT NOT NULL CHECK (state IN ('queued', 'loading', 'working', 'done', 'failed', 'canceled')),
  happening TEXT NOT NULL,
  at INTEGER NOT NULL,
  steady INTEGER NOT NULL,
  attempt INTEGER NOT NULL
) STRICT;
CREATE INDEX event_of_job ON event (job, seq);

-- The outbox: written in the transaction of the event it tells.
CREATE TABLE delivery (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE CHECK (id GLOB 'msg_?*'),
  job INTEGER NOT NULL REFERENCES job (seq) ON DELETE CASCADE,
  event INTEGER NOT NULL REFERENCES event (seq) ON DELETE CASCADE,
  kind TEXT NOT NULL CHECK (kind IN ('webhook', 'artifact')),
  url TEXT NOT NULL,
  -- A webhook's frozen bytes, or the name of the artifact to be put.
  body BLOB,
  artifact TEXT,
  state TEXT NOT NULL CHECK (state IN ('pending', 'delivered', 'gave_up')),
  tries INTEGER NOT NULL CHECK (tries >= 0),
  due INTEGER,
  created_at INTEGER NOT NULL,
  ended_at INTEGER,
  CHECK ((kind = 'webhook') = (body IS NOT NULL)),
  CHECK ((kind = 'artifact') = (artifact IS NOT NULL)),
  CHECK ((state = 'pending') = (due IS NOT NULL)),
  CHECK ((state = 'pending') = (ended_at IS NULL))
) STRICT;
CREATE INDEX delivery_due ON delivery (due) WHERE state = 'pending';
CREATE INDEX delivery_of_job ON delivery (job);
CREATE INDEX delivery_of_event ON delivery (event);

CREATE TABLE delivery_try (
  delivery INTEGER NOT NULL REFERENCES delivery (seq) ON DELETE CASCADE,
  n INTEGER NOT NULL,
  at INTEGER NOT NULL,
  status INTEGER,
  ms INTEGER NOT NULL,
  answer TEXT,
  PRIMARY KEY (delivery, n)
) STRICT;

-- Ids of erased jobs, which answer 410 for a while.
CREATE TABLE tombstone (
  id TEXT PRIMARY KEY,
  at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX tombstone_at ON tombstone (at);

CREATE TABLE setting (
  name TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
