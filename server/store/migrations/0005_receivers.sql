-- What sending reads: the receivers that something is pending for, and of each what is due first.
ALTER TABLE delivery ADD COLUMN host TEXT NOT NULL DEFAULT '';
UPDATE delivery SET host = host_of(url);
DROP INDEX delivery_due;
CREATE INDEX delivery_of_host ON delivery (host, due) WHERE state = 'pending';
-- Why a try failed that got no answer.
ALTER TABLE delivery_try ADD COLUMN reason TEXT;
