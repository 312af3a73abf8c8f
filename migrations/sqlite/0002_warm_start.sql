-- The trial whose weights this one begins with, where they fit.
alter table trials add column init_from integer references trials (id);
