"""Work off the GUI thread: one lane for computing, one for files."""

from cellmend_app.workers.runner import JobHandle, JobRunner

__all__ = ["JobHandle", "JobRunner"]
