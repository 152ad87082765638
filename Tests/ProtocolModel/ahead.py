#!/usr/bin/env python3
"""Explicit-state model of who learns that a bypass target may hold more than the others (heal-protocol.md, 3.1 step 9).

Replica 0 is the target of a bypass mount. Before an epoch the mount locks every replica's root that it can reach, marks
it and syncs that; it takes the marks off when all is healed, or a healer does when the mount is gone. Replicas go away,
lose power and come back, the mount may die. Which blocks an epoch changes, and how they are healed, is the other
model's matter. It checks

  whoever finds the target away and reads what the others have (other mounts of ours, at their start or when it goes)
  finds a mark, if those lack what was acknowledged while they were there.

What was written while a replica was away is missing on it as after any write of GlusterFS: of that only its accusers
tell. With three replicas nobody reads without two. The root's xattrs are healed only from a target that was told.

Run it: python3 ahead.py            must print 'holds'
        python3 ahead.py --break X  with rule X taken out: must print a counterexample
"""
from typing import NamedTuple, Optional

from exploration import parser, report

RULES = {
    "before": "every replica that can be reached is marked before the epoch is opened",
    "synced": "its mark is on disk by then",
    "target": "so is the target's own, because a heal of the root's xattrs copies its to the others",
    "order": "the mount's lock is taken before its mark is set",
    "renew": "what the mount told a replica counts for one connection",
    "returned": "a replica that comes back ends the epoch that was opened, or is being opened, without it",
    "clean": "the mount takes its marks off only when nothing is left to heal",
    "taken": "where that was not done everywhere, all are told anew before the next epoch",
    "gone": "a healer takes them off only under the mount's locks, which it holds as long as it lives",
    "walk": "and only when it found nothing left to heal after it had them",
    "still": "and as long as none of its connections was lost meanwhile",
    "heed": "who finds a mark whose target is away does not read the others",
}
LOCKED, MARKED, TOLD = 1, 2, 3


class World(NamedTuple):
    up: tuple
    mark: tuple                   # on each root: 0 none, 1 not on the disk yet, 2 there for good
    behind: tuple                 # lacks what was acknowledged while it was up
    # the mount
    phase: str = "idle"           # idle, announcing, opening, open, withdrawing, dead
    lock: tuple = ()
    told: tuple = ()              # how far it got with each replica
    left: tuple = ()              # withdrawing: marks to take off
    # the healer
    stage: str = "idle"           # idle, locked, walked
    held: tuple = ()              # its locks
    writes_left: int = 0
    outages_left: int = 0
    crashes_left: int = 1


def put(t, i, v):
    return t[:i] + (v,) + t[i + 1:]


def none(w):
    return (0,) * len(w.up)


def idle(w):
    """Whatever was begun with a replica and not ended is taken back; its mark may stay."""
    return w._replace(phase="idle", left=(), lock=tuple(int(t == TOLD) for t in w.told),
                      told=tuple(t if t == TOLD else 0 for t in w.told))


def announcing_moves(w, broken):
    for i in range(len(w.up)):
        if not w.up[i] or w.told[i] == TOLD:
            continue
        steps = [LOCKED, MARKED] if "order" not in broken else [MARKED, LOCKED]
        step = TOLD if w.told[i] == steps[1] else steps[1] if w.told[i] == steps[0] else steps[0]
        n = w._replace(told=put(w.told, i, step))
        unmarked = i == 0 and "target" in broken
        if step == LOCKED:
            if w.held[i]:
                yield "the mount is refused %d's lock" % i, idle(w)
            else:
                yield "the mount locks %d" % i, n._replace(lock=put(w.lock, i, 1))
        elif step == MARKED:
            yield "the mount marks %d" % i, n if unmarked else n._replace(mark=put(w.mark, i, max(1, w.mark[i])))
        else:
            synced = w.mark[i] if "synced" in broken or unmarked else w.mark[i] and 2
            yield "%d is told" % i, n._replace(mark=put(w.mark, i, synced))
    if all(t == TOLD for t, up in zip(w.told, w.up) if up):
        yield "all are told", w._replace(phase="opening")


def mount_moves(w, broken):
    if w.phase == "dead":
        return
    if w.phase == "idle" and w.up[0] and w.writes_left:
        yield "the mount wants an epoch", w._replace(phase="opening" if "before" in broken else "announcing")
    if w.phase == "announcing":
        yield from announcing_moves(w, broken)
    if w.phase == "opening":
        yield "the epoch is open", w._replace(phase="open")
    if w.phase == "open":
        if w.writes_left:
            yield "the mount writes", w._replace(
                behind=tuple(int(b or (up and i > 0)) for i, (b, up) in enumerate(zip(w.behind, w.up))),
                writes_left=w.writes_left - 1)
        yield "the epoch is closed", w._replace(phase="idle")
    if w.phase == "idle" and all(w.up) and any(w.told) and (not any(w.behind) or "clean" in broken):
        yield "the mount begins to take its marks off", w._replace(
            phase="withdrawing", left=tuple(i for i, t in enumerate(w.told) if t))
    if w.phase == "withdrawing":
        for i in w.left:
            yield "the mount takes %d's mark off" % i, w._replace(
                mark=put(w.mark, i, 0), left=tuple(j for j in w.left if j != i))
        if not w.left:
            yield "the mount lets go", w._replace(phase="idle", lock=none(w), told=none(w))
    if w.crashes_left:
        yield "the mount dies", w._replace(
            phase="dead", lock=none(w), told=none(w), left=(), crashes_left=w.crashes_left - 1)


def healer_moves(w, broken):
    if all(w.up) and any(w.behind) and w.phase not in ("open", "opening"):
        yield "all is healed", w._replace(behind=none(w))
    if w.stage == "idle" and all(w.up) and any(w.mark) and "walk" in broken and not any(w.behind):
        yield "the healer finds nothing left to heal", w._replace(stage="found")
    if w.stage == ("found" if "walk" in broken else "idle") and all(w.up) and any(w.mark):
        if not any(w.lock) or "gone" in broken:
            yield "the healer has the mount's locks", w._replace(
                stage="walked" if "walk" in broken else "locked", held=(1,) * len(w.up))
        elif w.stage == "found":
            yield "the healer is refused", w._replace(stage="idle")
    if w.stage == "locked" and all(w.up):
        if any(w.behind):
            yield "the healer finds work", w._replace(stage="idle", held=none(w))
        else:
            yield "the healer finds nothing left to heal", w._replace(stage="walked")
    if w.stage == "walked":
        for i, up in enumerate(w.up):
            if up and w.mark[i]:
                yield "the healer takes %d's mark off" % i, w._replace(mark=put(w.mark, i, 0))
        yield "the healer lets go", w._replace(stage="idle", held=none(w))
    if all(w.up) and w.told[0] == TOLD and w.phase != "withdrawing":
        copied = tuple(m if bool(m) == bool(w.mark[0]) else min(1, w.mark[0]) for m in w.mark)
        if copied != w.mark:
            yield "the root's xattrs are healed from 0", w._replace(mark=copied)


def lost(w, i, broken):
    """w without the connections to i, and what follows in those who had them."""
    n = w._replace(up=put(w.up, i, 0), lock=put(w.lock, i, 0), held=put(w.held, i, 0))
    if "renew" not in broken:
        n = n._replace(told=put(n.told, i, 0))
    if w.stage != "idle" and "still" not in broken:
        n = n._replace(stage="idle", held=none(w))
    if w.phase == "withdrawing" and "taken" not in broken:
        return n._replace(phase="idle", left=(), lock=none(w), told=none(w))
    ends = w.phase in ("open", "withdrawing") or (i == 0 and w.phase in ("announcing", "opening"))
    return idle(n) if ends else n


def outage_moves(w, broken):
    for i, up in enumerate(w.up):
        if up and w.outages_left:
            n = lost(w, i, broken)._replace(outages_left=w.outages_left - 1)
            yield "%d goes" % i, n
            if w.mark[i] == 1:
                yield "%d loses power, and its mark" % i, n._replace(mark=put(n.mark, i, 0))
        if not up:
            n = w._replace(up=put(w.up, i, 1))
            ends = w.phase in ("open", "opening") and "returned" not in broken
            yield "%d is back" % i, idle(n) if ends else n


def moves(w, broken):
    yield from mount_moves(w, broken)
    yield from healer_moves(w, broken)
    yield from outage_moves(w, broken)


def violated(w, broken):
    there = [i for i, up in enumerate(w.up) if up]
    if w.up[0] or len(there) < (2 if len(w.up) > 2 else 1):
        return None
    marked = any(w.mark[i] for i in there) and "heed" not in broken
    if not marked and any(w.behind[i] for i in there):
        return "without the target old content is read, and nothing says that it is old"
    return None


def main():
    ap = parser(__doc__, RULES)
    ap.add_argument("--replicas", type=int, choices=[2, 3], default=2)
    ap.add_argument("--writes", type=int, default=2)
    ap.add_argument("--outages", type=int, default=3)
    args = ap.parse_args()
    broken, nothing = set(args.broken), (0,) * args.replicas
    start = World(up=(1,) * args.replicas, mark=nothing, behind=nothing, lock=nothing, told=nothing, held=nothing,
                  writes_left=args.writes, outages_left=args.outages)
    report(start, lambda w: moves(w, broken), lambda w: violated(w, broken))


if __name__ == "__main__":
    main()
