"""Small git repositories."""

import subprocess

IDENTITY = ("-c", "user.name=A", "-c", "user.email=a@b.c")
SIGNATURE = "-----BEGIN PGP SIGNATURE-----\n \n none\n -----END PGP SIGNATURE-----"
BAD = "gpg: a bad signature"


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


def signed(folder):
    """The last commit's new name, now that it has a signature, which `git log` shows to be bad."""
    program = folder / ".git" / "gpg"
    program.write_text(f"#!/bin/sh\necho {BAD} >&2\nexit 1\n")
    program.chmod(0o755)
    git(folder, "config", "gpg.program", str(program))
    git(folder, "config", "log.showSignature", "true")
    header, message = git(folder, "cat-file", "commit", "HEAD").split("\n\n", 1)
    text = folder / ".git" / "signed"
    text.write_text(f"{header}\ngpgsig {SIGNATURE}\n\n{message}\n")
    name = git(folder, "hash-object", "-t", "commit", "-w", str(text))
    git(folder, "reset", "--quiet", "--hard", name)
    assert BAD in git(folder, "log", "-1")
    return name
