"""The file itself, between two hubs: a copy of it, opened by SQLite as anybody may, is whole and has what was answered.

It also has what cannot be asked for: sessions and rooms whose identifiers were on their way when the hub was killed.
"""

import json
import shutil
import sqlite3
import tempfile
from pathlib import Path

from promises import insist

# What a task is called by, and how large it is.
FIELDS = ("title", "description", "status", "priority")


def check(folder, publishers, backends, host):
    """Holds the file against the books. No hub has it, and nobody does anything."""
    with tempfile.TemporaryDirectory(dir=folder) as place:
        for path in folder.glob("roomcast.db*"):
            shutil.copy(path, place)
        connection = sqlite3.connect(Path(place) / "roomcast.db")
        try:
            look(connection, publishers, backends, host)
        finally:
            connection.close()


def look(connection, publishers, backends, host):
    found = connection.execute("PRAGMA integrity_check").fetchall()
    insist(found == [("ok",)], lambda: f"the file is broken: {found}")
    records = {
        table: {key: json.loads(record) for key, record in connection.execute(f"SELECT id, record FROM {table}")}
        for table in ("tasks", "sessions", "rooms", "players")
    }
    logs(connection)
    tasks(records["tasks"], publishers)
    sessions(records["sessions"], backends)
    rooms(records["rooms"], records["players"], host)


def logs(connection):
    """Each log ends with the newest of its numbers, and none is missing before it."""
    numbered = """SELECT name, logs.number, min(posts.number), max(posts.number), count(posts.number)
        FROM logs LEFT JOIN posts ON log = name GROUP BY name"""
    for name, number, first, last, count in connection.execute(numbered):
        insist(
            count == 0 or (last == number and count == last - first + 1),
            f"the log {name} is at {number}, and has {count} messages from {first} to {last}",
        )
    stray = connection.execute("SELECT DISTINCT log FROM posts WHERE log NOT IN (SELECT name FROM logs)").fetchall()
    insist(not stray, lambda: f"messages of logs that do not exist: {stray}")


def tasks(records, publishers):
    for publisher in publishers:
        asked = publisher.asked and publisher.asked[1]
        for task, record in publisher.live.items():
            found = records.get(task)
            is_so = found is not None and all(found[name] == record[name] for name in FIELDS)
            insist(
                is_so or task == asked,
                lambda record=record, found=found: f"a task is {record}, and the file has {found}",
            )


def sessions(records, backends):
    by_name = {backend.name: backend for backend in backends}
    for backend in backends:
        asked = backend.asked and backend.asked[0]
        for session, record in backend.live.items():
            insist(session in records or session == asked, f"session {session} is {record['status']}, and not in the file")
    found = set()
    for session, record in records.items():
        metadata = record["metadata"]
        backend, name = by_name[metadata["by"]], (metadata["by"], metadata["n"])
        if session in backend.live or session in backend.gone:
            continue
        insist(
            backend.unknown.get(metadata["n"]) == metadata and name not in found,
            lambda record=record: f"nobody has asked for this session, or it is there twice: {record}",
        )
        found.add(name)


def rooms(records, players, host):
    asked = host.asked and host.asked[1]
    for code, room in host.rooms.items():
        insist(room["id"] in records or code == asked, f"the room {code} is not in the file")
        for player in room["players"]:
            is_there = f"{room['id']}/{player}" in players
            insist(is_there or code == asked, f"player {player} of {code} is not in the file")
    makers = {key.split("/")[0]: record["display_name"] for key, record in players.items() if record["maker"]}
    known = {room["id"] for room in host.rooms.values()}
    for key in players:
        insist(key.split("/")[0] in records, lambda key=key: f"player {key} is in no room")
    unknown = [makers.get(room) for room in records if room not in known and makers.get(room) != "Seat 0"]
    insist(
        len(unknown) == len(set(unknown)) and (set(unknown) <= host.unknown or asked),
        lambda: f"rooms are in the file that nobody has asked for: {unknown}, where {host.unknown} may be",
    )
