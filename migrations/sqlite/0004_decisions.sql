-- Choices of a stage that are not tried as they stand in the space file, because earlier stages showed them to be worse.
create table stage_decisions (
    id integer primary key autoincrement,
    stage_id integer not null references study_stages (id) on delete cascade,
    parameter text not null,
    value text not null check (json_valid(value)),
    action text not null check (action in ('drop', 'rarely')),
    reason text not null
);
create index stage_decisions_by_stage on stage_decisions (stage_id);

create view decisions as
select
    studies.name as study,
    study_stages.name as stage,
    stage_decisions.parameter as parameter,
    stage_decisions.value as value,
    stage_decisions.action as action,
    stage_decisions.reason as reason
from stage_decisions
join study_stages on study_stages.id = stage_decisions.stage_id
join studies on studies.id = study_stages.study_id;
