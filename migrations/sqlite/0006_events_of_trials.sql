-- The pruned trial whose architecture this one tries again.
alter table trials add column again_of integer references trials (id);
-- When it was last given to a worker.
alter table trials add column claimed integer;

-- What becomes of a trial leaves an event, whoever writes it.
create trigger event_of_new_trial after insert on trials
begin
    insert into events (time, study_id, trial_id, kind, text)
    values (new.created, new.study_id, new.id, 'trial',
        'proposed as ' || new.number || iif(new.again_of is null, '', ', trial ' || new.again_of || ' again'));
end;

create trigger event_of_claimed_trial after update of attempt on trials
when new.attempt <> old.attempt
begin
    insert into events (time, study_id, trial_id, kind, text)
    values (new.claimed, new.study_id, new.id, 'trial',
        'attempt ' || new.attempt || ' by worker ' || new.worker_id || ', from epoch ' || coalesce(new.checkpoint_epoch, 0));
end;

create trigger event_of_ended_trial after update of state on trials
when new.state in ('complete', 'pruned', 'failed')
begin
    insert into events (time, study_id, trial_id, kind, text)
    values (new.ended, new.study_id, new.id, iif(new.state = 'pruned', 'prune', 'trial'),
        case
            when new.state = 'pruned' then coalesce(new.error, 'pruned')
            when new.state = 'failed' then 'failed' || coalesce(': ' || new.error, '')
            when new.reused_from is not null then 'complete: same candidate as trial ' || new.reused_from
            else 'complete: SELD ' || iif(new.seld is null, 'undefined', printf('%.4f', new.seld))
                || coalesce(' at epoch ' || new.best_epoch, '')
        end);
end;

-- The parameters of a trial stand in its row: they are written once, all of them, and read with it.
alter table trials add column parameters text not null default '{}' check (json_valid(parameters));
drop trigger finished_trials_never_change;
update trials set parameters = coalesce(
    (select json_group_object(name, json(value)) from trial_parameters where trial_id = trials.id), '{}');
create trigger finished_trials_never_change before update on trials
when old.state in ('complete', 'pruned', 'failed')
begin
    select raise(abort, 'a finished trial never changes');
end;
drop view parameters;
drop table trial_parameters;
create view parameters as
select
    studies.name as study,
    study_stages.name as stage,
    trials.id as trial,
    parameter.key as name,
    trials.parameters -> parameter.fullkey as value
from trials
join json_each(trials.parameters) as parameter
join study_stages on study_stages.id = trials.stage_id
join studies on studies.id = trials.study_id;

-- A change of state writes no index but that of open trials.
drop index trials_to_claim;
drop index trials_by_key;
create index trials_by_key on trials (key);
