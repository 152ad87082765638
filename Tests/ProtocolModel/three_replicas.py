#!/usr/bin/env python3
"""Explicit-state model of who may be healed from whom among three replicas (heal-protocol.md, 3.3 step 2).

Replica 0 is the target of a bypass writer, which acknowledges what that one alone has; an ordinary client writes to all
that are up, with a quorum of two; replicas go away and come back; the healer decides by AFR's rules, and a sink may drop
out of a heal. Locks and records are the other model's matter: each step here is whole. It checks

  whatever was acknowledged is on some replica; and with no count left all replicas are the same.

Run it: python3 three_replicas.py            must print 'holds'
        python3 three_replicas.py --break X  with rule X taken out: must print a counterexample
"""
from typing import NamedTuple

from exploration import parser, report

UNIT = 100
ALL = range(3)
RULES = {
    "holder": "a replica that alone has bypass epochs is outvoted by nobody",
}


class World(NamedTuple):
    content: tuple = ((),) * 3        # the writes that each replica has
    pending: tuple = ((0, 0, 0),) * 3  # pending[i][j]: found on i about j
    missing: tuple = (0, 0, 0)        # opened - healed on the target, about each other replica
    up: tuple = (True,) * 3
    acknowledged: int = 0             # writes are numbered from 1
    bypass_left: int = 0
    ordinary_left: int = 0
    outages_left: int = 0
    failures_left: int = 0


def put(t, i, v):
    return t[:i] + (v,) + t[i + 1:]


def accused(w, j, by=ALL):
    return any(w.pending[i][j] for i in by if i != j)


def written(w, replicas):
    number = w.acknowledged + 1
    return w._replace(acknowledged=number, content=tuple(
        c + (number,) if i in replicas else c for i, c in enumerate(w.content)))


def direction(w, broken):
    """Sources and sinks by AFR's rules for data, quorum-type auto, equal sizes; None: a split-brain."""
    accusers = [sum(1 for i in ALL if i != j and w.pending[i][j]) for j in ALL]
    sources = [j for j in ALL if not accusers[j]]
    holder = accusers[0] and any(w.missing[j] and w.pending[0][j] >= UNIT for j in ALL)
    if not sources and (not holder or "holder" in broken):
        sources = [j for j in ALL if accusers[j] < 2]
    sinks = [j for j in ALL if j not in sources]
    return (sources, sinks) if sources and sinks else None


def heals(w, broken):
    found = direction(w, broken)
    if not all(w.up) or found is None:
        return
    sources, sinks = found
    source = sources[0]
    for failed in [None] + [s for s in sinks if w.failures_left and len(sinks) > 1]:
        healed = [s for s in sinks if s != failed]
        content, pending, missing = w.content, w.pending, w.missing
        for sink in healed:
            content = put(content, sink, content[source])
        for i in ALL:
            if i != failed:
                pending = put(pending, i, tuple(c if j == failed else 0 for j, c in enumerate(pending[i])))
        if failed is not None and not accused(w, failed):
            pending = put(pending, source, put(pending[source], failed, 1))
        if source == 0:
            missing = tuple(m if j == failed else 0 for j, m in enumerate(missing))
        yield "heals %s from %d%s" % (healed, source, "" if failed is None else ", %d fails" % failed), w._replace(
            content=content, pending=pending, missing=missing,
            failures_left=w.failures_left - (failed is not None))


def moves(w, broken):
    there = [i for i in ALL if w.up[i]]
    if w.bypass_left and w.up[0] and len(there) > 1 and not accused(w, 0, there):
        yield "the bypass writer writes", written(w, [0])._replace(
            pending=put(w.pending, 0, (0,) + tuple(p + UNIT for p in w.pending[0][1:])),
            missing=(0,) + tuple(m + 1 for m in w.missing[1:]), bypass_left=w.bypass_left - 1)
    if w.ordinary_left and len(there) > 1 and any(not accused(w, j, there) for j in there):
        marks = tuple(tuple(p + (not w.up[j]) for j, p in enumerate(row)) if w.up[i] else row
                      for i, row in enumerate(w.pending))
        yield "the client writes to %s" % there, written(w, there)._replace(
            pending=marks, ordinary_left=w.ordinary_left - 1)
    for i in ALL:
        if w.up[i] and w.outages_left:
            yield "%d goes" % i, w._replace(up=put(w.up, i, False), outages_left=w.outages_left - 1)
        if not w.up[i]:
            yield "%d is back" % i, w._replace(up=put(w.up, i, True))
    yield from heals(w, broken)


def violated(w):
    for number in range(1, w.acknowledged + 1):
        if not any(number in c for c in w.content):
            return "write %d is lost" % number
    if not any(any(row) for row in w.pending) and len(set(w.content)) > 1:
        return "replicas differ and nothing is pending"
    return None


def main():
    ap = parser(__doc__, RULES)
    ap.add_argument("--writes", type=int, default=2, help="of the bypass writer")
    ap.add_argument("--ordinary-writes", type=int, default=2)
    ap.add_argument("--outages", type=int, default=3)
    ap.add_argument("--failures", type=int, default=1, help="of sinks in a heal")
    args = ap.parse_args()
    broken = set(args.broken)
    report(World(bypass_left=args.writes, ordinary_left=args.ordinary_writes, outages_left=args.outages,
                 failures_left=args.failures), lambda w: moves(w, broken), violated)


if __name__ == "__main__":
    main()
