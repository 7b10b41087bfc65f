"""Drawing schedules and logs, for the command line; a run imports nothing of it."""
