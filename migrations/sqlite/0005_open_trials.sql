-- The few trials that wait or are trained, of the thousands that a study may have.
create index open_trials on trials (study_id, id) where state in ('pending', 'running');
