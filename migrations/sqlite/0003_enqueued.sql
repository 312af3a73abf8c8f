-- Architectures that people want tried in a stage, before what its sampler draws. `trial_id`: the trial that was made of one.
create table enqueued (
    id integer primary key autoincrement,
    stage_id integer not null references study_stages (id) on delete cascade,
    architecture text not null check (json_valid(architecture)),
    trial_id integer references trials (id) on delete cascade,
    created integer not null
);
create index enqueued_by_stage on enqueued (stage_id, trial_id);
