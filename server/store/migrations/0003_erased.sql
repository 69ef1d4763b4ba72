-- How far the history has holes: no event after this number has been erased. Whoever follows all jobs from an older one
-- has missed something.
CREATE TRIGGER job_erased AFTER DELETE ON job BEGIN
  INSERT INTO setting VALUES ('erased_through', CAST(OLD.sequence AS TEXT))
    ON CONFLICT (name) DO UPDATE SET value = CAST(max(CAST(value AS INTEGER), OLD.sequence) AS TEXT);
END;
