"""Small git repositories."""

import subprocess

IDENTITY = ("-c", "user.name=A", "-c", "user.email=a@b.c")


def git(folder, *words):
    """What git prints there."""
    command = ["git", "-C", str(folder), *IDENTITY, *words]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def repository(folder, subjects):
    """The commits of a new repository, one a subject."""
    git(folder, "init", "-q")
    for subject in subjects:
        git(folder, "commit", "-q", "--allow-empty", "-m", subject)
    return git(folder, "rev-list", "--reverse", "HEAD").split()
