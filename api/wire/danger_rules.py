"""What makes a shell command dangerous whatever the rest of it does: patterns of its text, and why."""

import re

_BY_OTHERS = "It runs what it downloads without anyone having read it."
_GIT = r"\bgit(\s+-\S+(\s+[^\s-]\S*)?)?\s+"
_RULES = (
    (
        r"\brm\b(?=[^;&|]*\s(-\w*[rR]|--recursive))[^;&|]*\s[\"']?(/|~|\$\{?HOME\}?|\.\.?|\*)[\"']?/?\*?\s*($|[;&|)\s])",
        "It deletes a whole tree: the root, the home, the parent folder or everything here.",
    ),
    (r"\brm\b[^;&|]*--no-preserve-root", "It deletes without the last protection of the root folder."),
    (r"\bfind\s+[\"']?(/|~|\$\{?HOME\}?)[\"']?\s[^;&|]*-delete\b", "It deletes through the whole system or home."),
    (r"\b(mkfs(\.\w+)?|wipefs|fdisk|parted|shred)\b", "It overwrites a disk, a partition or a file for good."),
    (r"\bdd\b[^;&|]*\bof=/dev/", "It writes straight to a device."),
    (r"\b(curl|wget|fetch)\b[^;&]*\|\s*(sudo\s+)?(\S*/)?(ba|z|da|k|fi)?sh\b", _BY_OTHERS),
    (r"\b(curl|wget|fetch)\b[^;&]*\|\s*(sudo\s+)?(\S*/)?(python[\d.]*|perl|ruby|node)\b", _BY_OTHERS),
    (r"\b((ba|z|da)?sh|eval|source)\b[^;&|]*[<$]\(\s*(curl|wget)", _BY_OTHERS),
    (r"(^|[;&|(\n]\s*)(sudo|doas|su|pkexec)\b", "It runs with another user's rights."),
    (r":\(\)\s*\{.*\};\s*:", "It starts processes without end."),
    (r"\bch(mod|own)\b(?=[^;&|]*\s(-R|--recursive)\b)[^;&|]*\s(/|~)/?(\s|$)", "It changes rights of all the system."),
    (r"\bchmod\b[^;&|]*\s(0?777\b|a\+rwx\b|[ugoa]*\+\w*s\b)", "It opens files to everybody, or lends rights."),
    (_GIT + r"push\b[^;&|]*\s(--force\b|-\w*f\w*\b|\+\S)", "It overwrites history that others may have."),
    (_GIT + r"(reset\b[^;&|]*\s--hard|clean\b[^;&|]*\s-\w*f)", "It throws away work that is not committed."),
    (r"(^|[;&|(\n]\s*)(shutdown|reboot|halt|poweroff)\b", "It stops the machine."),
    (r"\bkill\b[^;&|]*\s-1\s*($|[;&|])", "It ends every process."),
    (r"\bhistory\s+-c\b|\.(bash|zsh)_history\b", "It hides or reads what was run."),
    (r"\bcrontab\b(?!\s+-l)", "It makes commands run again later, unseen."),
    (r"\b(nc|ncat|netcat)\b[^;&|]*\s-\w*[ec]\b|/dev/(tcp|udp)/", "It gives another machine a raw connection."),
    (
        r"\b(curl|wget)\b[^;&|]*\s(-d\s*@|--data(-\w+)?[ =]@|-T\b|-F\s+\S*=@|--post-file|--upload-file)",
        "It sends a file to another machine.",
    ),
    (
        r"\b(npm|yarn|pnpm|cargo|gem|twine|poetry|uv)\s+(publish|push|upload|yank|unpublish)\b",
        "It publishes to others.",
    ),
    (r"\b(terraform|tofu|pulumi)\s+(destroy|apply)\b|\bkubectl\s+(delete|drain)\b", "It changes what others use."),
    (r"(?i)\b(drop\s+(table|database|schema)|truncate\s+table)\b", "It deletes data of a database."),
)
_COMPILED = tuple((re.compile(pattern, re.DOTALL), why) for pattern, why in _RULES)


def danger_of(command: str) -> str:
    """Why it is dangerous, in a sentence for the user; "" where no rule says that it is."""
    return next((why for pattern, why in _COMPILED if pattern.search(command)), "")
