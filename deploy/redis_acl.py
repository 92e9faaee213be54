"""Who may do what in our Redis: one user with a password, Pensieve's keys and channels, and the commands it uses."""

import hashlib

USER = "pensieve"

# Nothing that reads others' keys (KEYS, SCAN, MONITOR), changes the server (CONFIG SET, SHUTDOWN, MODULE, REPLICAOF,
# ACL, DEBUG), empties it (FLUSHALL) or waits in it. Scripts may do no more than whoever runs them.
_COMMANDS = (
    *("ping", "select", "time", "info", "config|get"),
    *("multi", "exec", "discard", "watch", "unwatch", "evalsha", "script|load", "script|exists"),
    *("publish", "subscribe", "unsubscribe"),
    *("del", "unlink", "exists", "expire", "expireat", "persist", "ttl"),
    *("get", "mget", "set", "incrby"),
    *("hget", "hmget", "hgetall", "hset", "hdel", "hincrby", "hincrbyfloat", "hlen", "hstrlen", "hexists"),
    *("lindex", "linsert", "llen", "lpos", "lpush", "lrange", "lrem", "ltrim", "rpop", "rpush"),
    *("sadd", "scard", "sismember", "smembers", "srem"),
    *("zadd", "zcard", "zcount", "zrange", "zrangebyscore", "zrem", "zremrangebyscore", "zrevrange", "zrevrank"),
    *("zscore", "xadd", "xlen", "xrange", "xrevrange", "xtrim"),
)


def access_list(password: str) -> str:
    """The text of an ACL file, which holds the password's hash alone. Whoever brings none may do nothing."""
    # Redis 6 would let a new user into every channel.
    keys = "resetchannels &pensieve:* ~pensieve:* ~rq:*"
    commands = " ".join(f"+{command}" for command in _COMMANDS)
    known = hashlib.sha256(password.encode()).hexdigest()
    return f"user default reset off\nuser {USER} on #{known} {keys} -@all {commands}\n"
