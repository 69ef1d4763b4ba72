-- What was learnt of how long things take: means that new observations move, and the largest seen. `used` orders them by use.
CREATE TABLE learnt (
  name TEXT PRIMARY KEY,
  mean REAL NOT NULL CHECK (mean >= 0),
  peak REAL NOT NULL CHECK (peak >= 0),
  used INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX learnt_used ON learnt (used);
