"""Paths whose content is a secret, or decides what runs on a machine; by their spelling, which is all a server sees."""

import re

_SECRETS = re.compile(
    r"""
    (^|/)\.(ssh|gnupg|aws|azure|kube|docker|password-store)(/|$)
    | (^|/)\.config/(gcloud|gh)(/|$)
    | (^|/)\.(netrc|npmrc|pypirc|pgpass|git-credentials|vault-token)$
    | (^|/)\.env(\.(?!example|sample|template)[\w.-]+)?$
    | (^|/)id_(rsa|ed25519|ecdsa|dsa)$
    | \.(pem|p12|pfx|keystore)$
    | ^/etc/(g?shadow|sudoers)
    | ^/proc/[^/]+/(environ|mem)$
    """,
    re.VERBOSE,
)
_RULES_OF_THE_MACHINE = re.compile(
    r"""
    ^/(etc|boot|sys|proc|usr|bin|sbin|lib|lib64|root|System|Library)(/|$)
    | ^/dev/(?!null$|std(in|out|err)$|tty$)
    | ^/var/(spool|lib|run)(/|$)
    | (^|/)\.(bashrc|bash_profile|bash_login|zshrc|zprofile|zshenv|profile)$
    | (^|/)\.git/(hooks(/|$)|config$)
    | (^|/)\.claude/settings(\.local)?\.json$
    | (^|/)\.config/(autostart|systemd)(/|$)
    """,
    re.VERBOSE,
)


def holds_secrets(path: str) -> bool:
    return _SECRETS.search(path) is not None


def decides_what_runs(path: str) -> bool:
    """Whoever writes there may get something run later, or break the machine."""
    return _RULES_OF_THE_MACHINE.search(path) is not None
