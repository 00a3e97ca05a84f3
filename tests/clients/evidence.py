"""What the wire must show before a client's "ok" is believed, scenario by scenario.

Each check takes the upgrades of one scenario and raises an AssertionError that says what is missing. That the library
gave its user the right messages is the client's own to check; this is about what only a look at the frames can tell.
"""

from witness import BINARY, TEXT

MEBIBYTE = 1 << 20


def need(holds, sentence):
    if not holds:
        raise AssertionError(sentence)


def sent(upgrades):
    messages = [message for upgrade in upgrades for message in upgrade.client.messages]
    need(messages, "the client sent no message")
    return messages


def ended_well(upgrade):
    """Both said goodbye with one code, and nobody broke the protocol."""
    for who, side in [("client", upgrade.client), ("hub", upgrade.hub)]:
        need(not side.fault, f"the {who} is at fault: {side.fault}")
        need(side.close, f"the {who} sent no close frame on {upgrade.path}")
    codes = upgrade.client.close[0], upgrade.hub.close[0]
    need(codes[0] == codes[1], f"the client closed with {codes[0]}, the hub with {codes[1]}")


def echoed(upgrades):
    """Everything came back as it was, once, in order."""
    need(upgrades, "there was no connection")
    for upgrade in upgrades:
        need(upgrade.status == 101, f"the upgrade was answered with {upgrade.status}")
        need(upgrade.client.messages, "the client sent no message")
        there, back = ([(m.opcode, m.payload) for m in side.messages] for side in (upgrade.client, upgrade.hub))
        need(there == back, f"{len(there)} messages were sent, and other ones came back")
        ended_well(upgrade)


def text(upgrades):
    echoed(upgrades)
    need(all(m.opcode == TEXT and not m.payload.isascii() for m in sent(upgrades)), "the text was not one")


def binary(upgrades):
    echoed(upgrades)
    need(all(m.opcode == BINARY for m in sent(upgrades)), "a message was not binary")


def mebibyte(upgrades):
    echoed(upgrades)
    need(all(len(m.payload) == MEBIBYTE for m in sent(upgrades)), "a message was not of 1 MiB")
    need({m.opcode for m in sent(upgrades)} == {TEXT, BINARY}, "text and binary were not both sent")


def fragments(upgrades):
    echoed(upgrades)
    need(all(m.frames > 1 for m in sent(upgrades)), "a message was sent in one piece")


def ping(upgrades):
    need(len(upgrades) == 1, f"there were {len(upgrades)} connections")
    [upgrade] = upgrades
    need(any(upgrade.client.pings), "the client sent no ping with a payload")
    need(upgrade.hub.pongs == upgrade.client.pings, "the pongs do not carry what the pings did")
    ended_well(upgrade)


def compressed(upgrades):
    echoed(upgrades)
    for upgrade in upgrades:
        need("permessage-deflate" in upgrade.accepted, "permessage-deflate was not agreed upon")
        for side, who in [(upgrade.client, "client"), (upgrade.hub, "hub")]:
            small = [m for m in side.messages if m.compressed and 2 * m.wire_bytes < len(m.payload)]
            need(small, f"the {who} compressed no message to less than its half")


def compressed_fragments(upgrades):
    compressed(upgrades)
    need(any(m.frames > 1 and m.compressed for m in sent(upgrades)), "no compressed message was in pieces")


def close_by_the_client(upgrades):
    need(len(upgrades) == 1, f"there were {len(upgrades)} connections")
    [upgrade] = upgrades
    ended_well(upgrade)
    need(upgrade.closed_first == "client", "the hub closed first")
    need(upgrade.client.close == (4321, "enough"), f"the client closed with {upgrade.client.close}")


def close_by_the_hub(upgrades):
    need(len(upgrades) == 1, f"there were {len(upgrades)} connections")
    [upgrade] = upgrades
    ended_well(upgrade)
    need(upgrade.closed_first == "hub", "the client closed first")
    need(upgrade.hub.close[0] == 1000, f"the hub closed with {upgrade.hub.close}")


def broadcast(upgrades):
    need(len(upgrades) == 1, f"there were {len(upgrades)} connections")
    [upgrade] = upgrades
    ended_well(upgrade)
    need(len(upgrade.hub.messages) == 2, f"the hub sent {len(upgrade.hub.messages)} messages")


def refused(upgrades):
    need(upgrades, "there was no upgrade to refuse")
    answers = {upgrade.status for upgrade in upgrades}
    need(answers == {401}, f"the upgrades were answered with {answers}")


# Every client reports on each of these, in this order or any other.
SCENARIOS = {
    "text": text,
    "binary": binary,
    "1 MiB": mebibyte,
    "fragments": fragments,
    "ping": ping,
    "compressed": compressed,
    "compressed fragments": compressed_fragments,
    "close by the client": close_by_the_client,
    "close by the hub": close_by_the_hub,
    "broadcast": broadcast,
    "refused": refused,
}


def _compression_offered(upgrade):
    return "permessage-deflate" in upgrade.offered


def _fragments_sent(upgrade):
    return any(message.frames > 1 for message in upgrade.client.messages)


def _pings_sent(upgrade):
    return bool(upgrade.client.pings)


# What may be missing from a library, and how the wire shows that it is not missing after all.
SIGNS = {
    "fragments": _fragments_sent,
    "ping": _pings_sent,
    "compressed": _compression_offered,
    "compressed fragments": lambda upgrade: _compression_offered(upgrade) and _fragments_sent(upgrade),
}
