-- What went wrong with the last attempt of a job that is tried again.
ALTER TABLE job ADD COLUMN last_error TEXT
  CHECK (last_error IS NULL OR (json_valid(last_error) AND state IN ('queued', 'loading', 'working')));
