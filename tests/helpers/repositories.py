"""Small git repositories."""

import subprocess

IDENTITY = ("-c", "user.name=A", "-c", "user.email=a@b.c")


def git(folder, *words):
    """What git prints there."""
    command = ["git", "-C", str(folder), *IDENTITY, *words]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def commit(folder, subject):
    """The name of a new commit of all that is there."""
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--allow-empty", "--message", subject)
    return git(folder, "rev-parse", "HEAD")


def repository(folder, subjects):
    """The commits of a new repository, one a subject."""
    git(folder, "init", "--quiet")
    return [commit(folder, subject) for subject in subjects]
