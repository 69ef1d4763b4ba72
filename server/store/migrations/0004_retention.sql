-- What retention reads: the jobs of one final state in the order of their ends.
DROP INDEX job_finished;
CREATE INDEX job_ended ON job (state, finished_at) WHERE finished_at IS NOT NULL;
