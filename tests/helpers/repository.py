"""A git repository for tests."""

import subprocess

WHO = ("-c", "user.name=Someone", "-c", "user.email=someone@example.org")


def git(folder, *arguments):
    """What git prints."""
    command = ["git", "-C", str(folder), *WHO, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def commit(folder, message):
    """The name of a new commit of all that is there."""
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--allow-empty", "--message", message)
    return git(folder, "rev-parse", "HEAD")
