"""Reports of the flood and results of a comparison as small as they can be, for the tests."""


def part(done, cpu, busy=0.99, waited=0.0):
    """A slice that did so much in so many seconds of CPU time."""
    return {
        "done": done,
        "seconds": 0.5,
        "cost": {
            "server_cpu_seconds": cpu,
            "server_cpu_share": busy,
            "server_waited_share": waited,
            "client_busy_share": 0.4,
            "client_waited_share": 0.0,
        },
    }


def target(name, parts, lost=0):
    """What `compare` says of a server."""
    each = sorted(one["done"] / one["cost"]["server_cpu_seconds"] for one in parts)
    return {
        "name": name,
        "done": sum(one["done"] for one in parts),
        "lost": lost,
        "told": 0,
        "per_server_cpu_second": {"p25": each[0], "median": each[len(each) // 2], "p75": each[-1]},
        "latency_us": {"p50": 2000, "p99": 9000, "p99_9": 20000},
        "last_member_us": {"p50": 3000, "p99": 12000, "p99_9": 30000},
        "latency_curve_us": [[0.0, 500], [0.5, 2000], [0.9, 5000], [0.99, 9000]],
        "last_member_curve_us": [[0.0, 700], [0.9, 8000]],
        "slices": parts,
    }


def found(rows):
    """Results with these rows."""
    return {
        "date": "2030-01-02",
        "quick": False,
        "machine": {"cpu": "A <CPU> & more", "cores": 2, "kernel": "Linux 6.1", "load": 0.1, "pinned": True},
        "servers": {"roomcast": "commit 0", "bun": "Bun 1", "ceiling": "Rust"},
        "absent": {"nchan": "nginx is <not> here"},
        "died": [],
        "reference": "bun",
        "rows": rows,
    }
