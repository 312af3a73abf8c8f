-- Marks the file as a store of at2seld ("AT2S"), so that no other program's database is ever migrated.
pragma application_id = 1096036947;

-- Times are milliseconds since 1970 (UTC). Ids are never used twice (autoincrement).
create table studies (
    id integer primary key autoincrement,
    name text not null unique,
    space text not null check (json_valid(space)),
    settings text not null check (json_valid(settings)),
    seed integer not null,
    data_fingerprint text not null,
    version text not null,
    state text not null check (state in ('running', 'stopping', 'stopped', 'complete', 'failed')),
    created integer not null,
    updated integer not null
);

create table study_stages (
    id integer primary key autoincrement,
    study_id integer not null references studies (id) on delete cascade,
    position integer not null check (position >= 0),
    name text not null,
    state text not null check (state in ('waiting', 'running', 'complete', 'failed')),
    winner_trial integer references trials (id),
    reason text,
    started integer,
    ended integer,
    unique (study_id, position),
    unique (study_id, name),
    check ((state = 'complete') = (winner_trial is not null))
);

create table workers (
    id integer primary key autoincrement,
    study_id integer references studies (id) on delete cascade,
    host text not null,
    pid integer not null,
    device text not null,
    lock_file text not null,
    started integer not null,
    last_seen integer not null,
    ended integer
);

create table trials (
    id integer primary key autoincrement,
    study_id integer not null references studies (id) on delete cascade,
    stage_id integer not null references study_stages (id) on delete cascade,
    number integer not null check (number >= 0),
    key text not null,
    architecture text not null check (json_valid(architecture)),
    seed integer not null,
    repeat integer not null default 0,
    repeat_of integer references trials (id),
    epochs_budget integer not null,
    state text not null check (state in ('pending', 'running', 'complete', 'pruned', 'failed')),
    attempt integer not null default 0,
    worker_id integer references workers (id),
    lease_until integer,
    params integer,
    macs integer,
    seconds real not null default 0,
    best_epoch integer,
    seld real,
    er20 real,
    f20 real,
    le_cd real,
    lr_cd real,
    checkpoint text,
    checkpoint_epoch integer,
    model text,
    error text,
    crashes integer not null default 0,
    reused_from integer references trials (id),
    created integer not null,
    started integer,
    ended integer,
    unique (stage_id, number),
    check ((state = 'running') = (lease_until is not null))
);
create index trials_by_key on trials (key, state);
create index trials_to_claim on trials (study_id, state, id);

-- A finished trial never changes, whoever writes.
create trigger finished_trials_never_change before update on trials
when old.state in ('complete', 'pruned', 'failed')
begin
    select raise(abort, 'a finished trial never changes');
end;

create table trial_parameters (
    trial_id integer not null references trials (id) on delete cascade,
    name text not null,
    value text not null check (json_valid(value)),
    primary key (trial_id, name)
) without rowid;

create table trial_curves (
    trial_id integer not null references trials (id) on delete cascade,
    epoch integer not null check (epoch >= 1),
    train_loss real not null,
    val_loss real not null,
    seld real,
    er20 real,
    f20 real,
    le_cd real,
    lr_cd real,
    seconds real not null,
    primary key (trial_id, epoch)
) without rowid;

-- Decisions and incidents, for people.
create table events (
    id integer primary key autoincrement,
    time integer not null,
    study_id integer references studies (id) on delete cascade,
    trial_id integer references trials (id) on delete cascade,
    kind text not null,
    text text not null
);
create index events_by_study on events (study_id, id);

create view leaderboard as
select
    studies.name as study,
    study_stages.name as stage,
    case when trials.state = 'complete' then
        rank() over (
            partition by trials.stage_id, trials.state = 'complete'
            order by trials.seld is null, trials.seld
        )
    end as rank,
    trials.id as trial,
    trials.state as state,
    trials.seld as seld,
    trials.er20 as er20,
    trials.f20 as f20,
    trials.le_cd as le_cd,
    trials.lr_cd as lr_cd,
    trials.params as params,
    trials.macs as macs,
    trials.seconds as seconds,
    (select coalesce(max(epoch), 0) from trial_curves where trial_id = trials.id) as epochs,
    trials.architecture as architecture
from trials
join study_stages on study_stages.id = trials.stage_id
join studies on studies.id = trials.study_id;

create view curves as
select
    studies.name as study,
    study_stages.name as stage,
    trials.id as trial,
    trial_curves.epoch as epoch,
    trial_curves.train_loss as train_loss,
    trial_curves.val_loss as val_loss,
    trial_curves.seld as seld,
    trial_curves.er20 as er20,
    trial_curves.f20 as f20,
    trial_curves.le_cd as le_cd,
    trial_curves.lr_cd as lr_cd,
    trial_curves.seconds as seconds
from trial_curves
join trials on trials.id = trial_curves.trial_id
join study_stages on study_stages.id = trials.stage_id
join studies on studies.id = trials.study_id;

create view parameters as
select
    studies.name as study,
    study_stages.name as stage,
    trials.id as trial,
    trial_parameters.name as name,
    trial_parameters.value as value
from trial_parameters
join trials on trials.id = trial_parameters.trial_id
join study_stages on study_stages.id = trials.stage_id
join studies on studies.id = trials.study_id;

create view stages as
select
    studies.name as study,
    study_stages.name as stage,
    study_stages.position as position,
    study_stages.state as state,
    count(trials.id) as trials,
    count(case when trials.state = 'complete' then 1 end) as complete,
    count(case when trials.state = 'pruned' then 1 end) as pruned,
    count(case when trials.state = 'failed' then 1 end) as failed,
    min(case when trials.state = 'complete' then trials.seld end) as best_seld,
    study_stages.winner_trial as winner
from study_stages
join studies on studies.id = study_stages.study_id
left join trials on trials.stage_id = study_stages.id
group by study_stages.id;
